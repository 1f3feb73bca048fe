/** Snapshots of the store in files. */
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorCode, errorMessage } from '@timonel/sdk';
import { SnapshotReader, type SnapshotSummary } from '@timonel/sdk/contracts/store';
import { syncDirectory } from '@timonel/sdk/files';
import { CliError, exitCodes } from '../errors.ts';

const pieceBytes = 1024 * 1024;

/** @throws CliError usage */
function unusable(file: string, error: unknown): unknown {
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file or directory',
    EACCES: 'permission denied',
    EISDIR: 'it is a directory',
    ENOTDIR: 'a part of its path is not a directory',
  };
  const why = reasons[errorCode(error) ?? ''];
  if (why === undefined) return error;
  return new CliError(`${file} cannot be used: ${why}.`, exitCodes.usage, { cause: error });
}

/** Reads the whole file. @throws StoreError CORRUPT; CliError usage when it cannot be read */
export async function readSnapshotFile(file: string): Promise<SnapshotSummary> {
  const reader = new SnapshotReader();
  try {
    for await (const piece of createReadStream(file, { highWaterMark: pieceBytes })) reader.add(piece as Buffer);
  } catch (error) {
    throw unusable(file, error);
  }
  return reader.end();
}

export type SnapshotVerdict =
  | ({ readonly file: string; readonly valid: true } & SnapshotSummary)
  | { readonly file: string; readonly valid: false; readonly problem: string };

/** @throws CliError usage when it cannot be read */
export async function examineSnapshotFile(file: string): Promise<SnapshotVerdict> {
  try {
    return { file, valid: true, ...(await readSnapshotFile(file)) };
  } catch (error) {
    if (errorCode(error) !== 'CORRUPT') throw error;
    return { file, valid: false, problem: errorMessage(error) };
  }
}

/**
 * Writes a snapshot to `<file>.part`, has it on disk and reads it back before it gets its name: `file` is a whole snapshot, or what it was.
 * `onBytes` is told how much has come.
 * @throws CliError; StoreError CORRUPT when what came is no whole snapshot
 */
export async function saveSnapshotFile(
  file: string,
  pieces: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<SnapshotSummary> {
  const part = `${file}.part`;
  const handle = await open(part, 'w', 0o600).catch((error: unknown) => {
    throw unusable(part, error);
  });
  try {
    try {
      let bytes = 0;
      for await (const piece of pieces) {
        await handle.writeFile(piece);
        onBytes((bytes += piece.byteLength));
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    const summary = await readSnapshotFile(part);
    await rename(part, file);
    await syncDirectory(dirname(file));
    return summary;
  } catch (error) {
    await rm(part, { force: true });
    if (errorCode(error) !== 'ENOSPC') throw unusable(file, error);
    throw new CliError(`The disk is too full for the snapshot ${file}: choose another place.`, exitCodes.failure, {
      cause: error,
    });
  }
}
