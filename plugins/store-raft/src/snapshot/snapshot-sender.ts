import { mkdirSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import { StoreError, type KeyValue } from '@timonel/sdk/contracts/store';
import { freeBytes, reserveBytes } from '../disk-space.ts';
import type { SnapshotChunk, SnapshotMeta, SnapshotRead } from '../raft/index.ts';
import { encodeRecord } from '../state/record.ts';
import type { StateMachine } from '../state/state-machine.ts';
import { writeSnapshotFile, type SnapshotHead } from './snapshot-file.ts';

export interface SenderOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly dataDir: string;
  readonly machine: StateMachine;
  /** Brings all that is applied into the state file. */
  readonly checkpoint: () => Promise<void>;
  /** A snapshot that nobody asked for so long is removed. */
  readonly keepMs: number;
}

interface Kept {
  readonly meta: SnapshotMeta;
  readonly path: string;
  askedMs: number;
  /** A piece of it has been given. */
  used: boolean;
}

/** After a failure (a full disk) the next one is made after so long. */
const retryMs = 5_000;
/** The log is not cut for so long at most while a snapshot is made. */
const holdMs = 60_000;

/** The snapshots that this member gives to others: one at a time, made when it is asked for. */
export class SnapshotSender {
  readonly #options: SenderOptions;
  readonly #directory: string;
  #kept: Kept | undefined;
  #making: { readonly done: Promise<void>; readonly fromIndex: number; readonly sinceMs: number } | undefined;
  #failedMs = -Infinity;
  #stopped = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#directory = join(options.dataDir, 'snapshots');
    // Those of a former life are of no use: their ids are unknown to all.
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The piece that is asked for; undefined: there is none yet, ask again. */
  async chunk(read: SnapshotRead): Promise<SnapshotChunk | undefined> {
    const kept = this.#kept;
    const fits = kept !== undefined && kept.meta.index >= read.minIndex;
    if (!fits || (read.snapshotId === undefined && this.#isOld(kept))) {
      this.#begin();
      if (!fits) return undefined;
    }
    if (kept === undefined) return undefined;
    kept.used = true;
    kept.askedMs = this.#options.env.clock.monotonic();
    // Another one than it began with: from the beginning.
    const offset = read.snapshotId === undefined || read.snapshotId === kept.meta.id ? read.offset : 0;
    const length = Math.min(read.limitBytes, kept.meta.sizeBytes - offset);
    const data = Buffer.allocUnsafe(length);
    const file = await open(kept.path, 'r');
    try {
      const { bytesRead } = await file.read(data, 0, length, offset);
      if (bytesRead !== length) return undefined;
    } finally {
      await file.close();
    }
    return { snapshot: kept.meta, offset, data, last: offset + length === kept.meta.sizeBytes };
  }

  /**
   * The log must keep the entries behind this one: else a snapshot of a large state is of no use by the time it is made, and the next
   * one neither. The core sees to it once a piece has been given.
   */
  get neededIndex(): number {
    const making = this.#making;
    if (making !== undefined && making.sinceMs + holdMs > this.#options.env.clock.monotonic()) return making.fromIndex;
    return this.#kept?.used === false ? this.#kept.meta.index : Infinity;
  }

  /** Removes what nobody wants any more. Called from time to time. */
  tidy(): void {
    const kept = this.#kept;
    if (kept === undefined || this.#making !== undefined) return;
    if (kept.askedMs + this.#options.keepMs > this.#options.env.clock.monotonic()) return;
    this.#kept = undefined;
    rm(kept.path, { force: true }).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.#stopped = true;
    await this.#making?.done;
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Much has been written since: a member that begins anew had better begin with a newer one. */
  #isOld(kept: Kept): boolean {
    return this.#options.machine.standing.appliedIndex - kept.meta.index > 50_000;
  }

  #begin(): void {
    const { env, machine } = this.#options;
    const sinceMs = env.clock.monotonic();
    if (this.#making !== undefined || this.#stopped || sinceMs < this.#failedMs + retryMs) return;
    const fromIndex = machine.standing.appliedIndex;
    const done = this.#make().finally(() => {
      this.#making = undefined;
    });
    this.#making = { done, fromIndex, sinceMs };
  }

  /** Between two frames: gives way to others, and leaves them room on the disk. */
  async #pause(): Promise<void> {
    const { env, dataDir, machine } = this.#options;
    if (this.#stopped) throw new Error('the store stops');
    if (freeBytes(dataDir) < reserveBytes * 4 + machine.unsaved.bytes * 2) {
      throw new StoreError('NO_SPACE', `there is no room for it in ${dataDir}`);
    }
    await env.timers.sleep(0);
  }

  async #make(): Promise<void> {
    const { env, log, machine, checkpoint } = this.#options;
    const id = env.random.uuid();
    const path = join(this.#directory, `${id}.snapshot`);
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      await checkpoint();
      const meta = machine.file.readMeta();
      if (meta === undefined || this.#stopped) return;
      const frozen = machine.file.freeze();
      const head: SnapshotHead = { format: 1, meta, leases: [...machine.file.leases()] };
      let sizeBytes: number;
      try {
        sizeBytes = await writeSnapshotFile(path, head, recordsOf(frozen.kvs), () => this.#pause());
      } finally {
        frozen.done();
      }
      const { appliedIndex: index, appliedTerm: term, configuration } = meta;
      const old = this.#kept;
      this.#kept = {
        meta: { index, term, configuration, id, sizeBytes },
        path,
        askedMs: env.clock.monotonic(),
        used: false,
      };
      if (old !== undefined) await rm(old.path, { force: true });
      log.info({ index, sizeBytes }, 'a snapshot for other members is ready');
    } catch (error) {
      this.#failedMs = env.clock.monotonic();
      log.warn({ error: errorMessage(error) }, 'a snapshot for other members could not be made');
      await rm(path, { force: true }).catch(() => undefined);
    }
  }
}

function* recordsOf(kvs: Iterable<KeyValue>): Generator<{ readonly key: Buffer; readonly record: Buffer }> {
  for (const kv of kvs) yield { key: Buffer.from(kv.key, 'utf8'), record: encodeRecord(kv) };
}
