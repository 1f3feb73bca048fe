import { VolumeError } from '@timonel/sdk/contracts/volume';

export interface PayloadFile {
  /** Relative, without `..`. */
  readonly path: string;
  readonly data: Buffer;
  readonly mode: number;
  /** Absent: root. */
  readonly user?: number;
}

export const defaultMode = 0o644;

/** @throws VolumeError */
export function checkedPath(path: string): string {
  if (path === '' || path.startsWith('/') || path.split('/').includes('..') || path.startsWith('..')) {
    throw new VolumeError(`volume path "${path}" must be relative and must not contain ".."`);
  }
  return path;
}
