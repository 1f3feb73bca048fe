import type { Limits } from '../config.ts';
import type { UnpackedLayer } from './layer-unpack.ts';

/** What a thread does. All of it reads data that must not be trusted, or much of it. */
export type Job =
  | {
      readonly kind: 'layer';
      readonly path: string;
      readonly what: string;
      /** An existing, empty directory. */
      readonly root: string;
      /** Directories of the layers below, top first. */
      readonly lower: readonly string[];
      readonly limits: Limits;
    }
  | {
      readonly kind: 'archive';
      readonly path: string;
      /** Where the files of the archive go, under numbers. */
      readonly directory: string;
      readonly limits: Limits;
    }
  | { readonly kind: 'pack'; readonly directory: string; readonly path: string };

export interface StagedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly digest: string;
}

/** The files of an archive by their clean names, and the links among them. */
export interface StagedFiles {
  readonly files: ReadonlyMap<string, StagedFile>;
  readonly links: ReadonlyMap<string, string>;
}

export interface JobResults {
  readonly layer: UnpackedLayer;
  readonly archive: StagedFiles;
  /** Names of what was left out, at most a few. */
  readonly pack: { readonly leftOut: readonly string[] };
}

/** To the thread: the job, and numbers that both sides see. */
export interface JobMessage {
  readonly job: Job;
  /** At 0: 1 when it shall stop. At 1: counted up as it goes on. */
  readonly shared: Int32Array;
}

export interface JobFault {
  readonly name: string;
  readonly message: string;
  readonly reason: string | undefined;
  readonly code: string | undefined;
  readonly syscall: string | undefined;
}

export type JobAnswer = { readonly result: JobResults[Job['kind']] } | { readonly fault: JobFault };
