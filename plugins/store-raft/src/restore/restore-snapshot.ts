import { existsSync, statfsSync, statSync } from 'node:fs';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, type Env, type Logger } from '@timonel/sdk';
import { StoreError, type SnapshotSummary } from '@timonel/sdk/contracts/store';
import { syncDirectory } from '@timonel/sdk/files';
import { lockDataDirectory } from '../data-lock.ts';
import { formatAddress, type MemberAddress } from '../driver/addresses.ts';
import type { Configuration } from '../raft/index.ts';
import { planExchange, restoringDirectory, storeEntries } from './exchange.ts';
import { isRestoreUnfinished } from './restore-marker.ts';
import { writeRestoredMember } from './restored-member.ts';

export interface RestoreOptions {
  /** The directory of the store, as the plugin gets it: no store may have it open. Made if need be. */
  readonly dataDir: string;
  /** Path of the snapshot. */
  readonly snapshot: string;
  /**
   * The one member of the new group. Absent: a new id. Never that of a member of the old group: those who are left of it would take the new
   * member for the old one.
   */
  readonly memberId?: string | undefined;
  /** How other members reach it. Absent: they do not. */
  readonly address?: MemberAddress | undefined;
  /** Default {@link defaultBumpRevision}. */
  readonly bumpRevision?: number | undefined;
  /** A store that is there already is moved aside. Without it: REFUSED. */
  readonly force?: boolean | undefined;
  readonly env: Env;
  readonly log: Logger;
}

export interface RestoreReport extends SnapshotSummary {
  readonly memberId: string;
  /** Of the restored store. `revision` is that of the snapshot. */
  readonly restoredRevision: number;
  /** Where the former data lie; undefined: there were none. */
  readonly setAside: string | undefined;
}

/** For the log, and for trees of LMDB. */
const spareBytes = 16 * 1024 * 1024;

/**
 * By so much the revision goes up in a restore. Clients have seen revisions after that of the snapshot, which are lost; were they given out
 * again for other changes, a client would take the new ones for those it knows. As many as a store writes in days.
 */
export const defaultBumpRevision = 1_000_000_000;

/**
 * Founds a new group of one member with the keys, leases and revision of a snapshot. All or nothing: files are made beside, and put in
 * place at the end.
 * @throws StoreError CORRUPT (the snapshot is damaged), REFUSED, UNAVAILABLE (the directory is in use), NO_SPACE; nothing was changed then
 */
export async function restoreSnapshot(options: RestoreOptions): Promise<RestoreReport> {
  const { dataDir, bumpRevision = defaultBumpRevision } = options;
  if (!Number.isSafeInteger(bumpRevision) || bumpRevision < 0) {
    throw new RangeError(`the step of the revision must be a whole number of at least 0, not ${bumpRevision}`);
  }
  if (!existsSync(options.snapshot)) throw new StoreError('REFUSED', `there is no file ${options.snapshot}`);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const unlock = await lockDataDirectory(dataDir);
  try {
    if (options.force !== true && !isRestoreUnfinished(dataDir) && storeEntries(dataDir).length > 0) {
      throw new StoreError(
        'REFUSED',
        `${dataDir} holds a store already: choose another directory, or have it moved aside by --force`,
      );
    }
    return await restore(options, bumpRevision);
  } finally {
    await unlock();
  }
}

async function restore(options: RestoreOptions, bumpRevision: number): Promise<RestoreReport> {
  const { dataDir, snapshot, env, log, address, memberId = env.random.uuid() } = options;
  const directory = restoringDirectory(dataDir);
  const addresses = address === undefined ? {} : { [memberId]: formatAddress(address) };
  const configuration: Configuration = { voters: [memberId], outgoing: [], learners: [], addresses };
  let summary: SnapshotSummary;
  await rm(directory, { recursive: true, force: true });
  try {
    checkRoom(snapshot, dataDir);
    await mkdir(directory, { mode: 0o700 });
    summary = await writeRestoredMember({ directory, snapshot, configuration, bumpRevision, env, log });
    await syncFilesOf(directory);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw asStoreError(error, dataDir);
  }
  const { aside, steps } = planExchange(dataDir, memberId);
  for (const step of steps) await step();
  const restoredRevision = summary.revision + bumpRevision;
  log.info({ revision: restoredRevision, keys: summary.keys, memberId }, 'a snapshot was restored');
  return { ...summary, memberId, restoredRevision, setAside: aside };
}

/** LMDB takes more room than the snapshot, and a full disk badly. @throws StoreError NO_SPACE */
function checkRoom(snapshot: string, dataDir: string): void {
  const { bavail, bsize } = statfsSync(dataDir);
  if (bavail * bsize < statSync(snapshot).size * 2 + spareBytes) throw noSpace(dataDir);
}

/** Whatever was written to the files in it, by whom ever, is on disk then, and so are their names. */
async function syncFilesOf(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await open(join(directory, entry.name), 'r+');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
  await syncDirectory(directory);
}

function noSpace(dataDir: string, cause?: unknown): StoreError {
  const message = `the disk of ${dataDir} is too full for the snapshot: make room, then try again`;
  return new StoreError('NO_SPACE', message, { cause });
}

function asStoreError(error: unknown, dataDir: string): unknown {
  const code: unknown = errorCode(error) ?? (error as { code?: unknown }).code;
  // LMDB gives the number.
  return code === 'ENOSPC' || code === 28 ? noSpace(dataDir, error) : error;
}
