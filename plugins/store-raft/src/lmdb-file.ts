import { chmodSync, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { StoreError } from '@timonel/sdk/contracts/store';
import { open, type RootDatabase } from 'lmdb';
import { holdsAllPages } from './lmdb-pages.ts';

/** Keys of up to 4,026 bytes need pages of 8 KiB. */
const pageBytes = 8192;

// Layout of an LMDB meta page (64-bit, little-endian), see `MDB_page_header` and `MDB_meta` of LMDB's mdb.c.
const headerBytes = 24;
const lmdbMagic = 0xbeefc0de;
const lmdbVersion = 2;
const offset = { magic: 0, version: 4, pageBytes: 24, lastPage: 120, transaction: 128 } as const;

export interface LmdbOptions {
  /** Size of the memory map; undefined: LMDB's own, which grows as needed. */
  readonly mapBytes?: number | undefined;
  /** True: a commit is seen before it is on disk, and after a crash of the host the last commit on disk is found again. */
  readonly overlappingSync: boolean;
}

/**
 * Opens an LMDB file, made when it does not exist. Looks at its header first, since LMDB itself may crash on a file that
 * is not its own.
 * @throws StoreError CORRUPT; nothing has been touched then
 */
export function openLmdb(path: string, options: LmdbOptions): RootDatabase<Buffer, Buffer> {
  checkLmdbHeader(path);
  const root = open<Buffer, Buffer>({
    path,
    noSubdir: true,
    pageSize: pageBytes,
    maxDbs: 8,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: options.overlappingSync,
    ...(options.mapBytes === undefined ? {} : { mapSize: options.mapBytes }),
  });
  // Secrets of the cluster are in it.
  chmodSync(path, 0o600);
  return root;
}

/**
 * Waits for a write. When one fails LMDB also rejects two promises that nobody gets: the reason, which hangs on the error
 * (`commitError`), and that of the whole commit. Both are taken in, since an unhandled rejection would end the process.
 */
export async function written<T>(root: RootDatabase<Buffer, Buffer>, write: PromiseLike<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    const { commitError } = error as { commitError?: Promise<unknown> };
    commitError?.catch(() => undefined);
    root.committed.then(undefined, () => undefined);
    throw error;
  }
}

/** The error of a file whose content cannot be trusted. */
export function corruptFile(path: string, why: string): StoreError {
  return new StoreError(
    'CORRUPT',
    `the data file ${path} is corrupt: ${why}. The store does not start on it, and has touched nothing. ` +
      'Restore a snapshot into an empty data directory; or, in a group of several members, remove this member, ' +
      'empty its data directory and add it again',
  );
}

/** Checks a file without opening it as a database. One that does not exist is right. @throws StoreError CORRUPT */
export function checkLmdbHeader(path: string): void {
  const meta = readMeta(path);
  if (meta === undefined) return;
  const { head, sizeBytes } = meta;
  if (head.byteLength < pageBytes * 2) throw corruptFile(path, `it has only ${sizeBytes} bytes`);
  for (const page of [0, 1]) {
    const at = page * pageBytes + headerBytes;
    if (head.readUInt32LE(at + offset.magic) !== lmdbMagic)
      throw corruptFile(path, `page ${page} is no LMDB meta page`);
    const version = head.readUInt32LE(at + offset.version) & 0xffff;
    if (version !== lmdbVersion) throw corruptFile(path, `it has the LMDB format ${version}, not ${lmdbVersion}`);
    const size = head.readUInt32LE(at + offset.pageBytes);
    if (size !== pageBytes) throw corruptFile(path, `it has pages of ${size} bytes, not ${pageBytes}`);
  }
  checkLength(path, head, sizeBytes);
}

// A read of a page that the file does not hold ends the process with SIGBUS.
function checkLength(path: string, head: Buffer, sizeBytes: number): void {
  const metas = [0, 1].map((page) => head.subarray(page * pageBytes + headerBytes, (page + 1) * pageBytes));
  const lastPages = metas.map((meta) => meta.readBigUInt64LE(offset.lastPage));
  if (lastPages.every((lastPage) => BigInt(sizeBytes) >= (lastPage + 1n) * BigInt(pageBytes))) return;
  const [first, second] = metas.map((meta) => meta.readBigUInt64LE(offset.transaction));
  const newer = (first ?? 0n) > (second ?? 0n) ? 0 : 1;
  if (!holdsNewestPages(path, metas[newer] ?? head, sizeBytes)) {
    throw corruptFile(
      path,
      `it is cut off: of ${(lastPages[newer] ?? 0n) + 1n} pages it holds ${sizeBytes / pageBytes}`,
    );
  }
}

function holdsNewestPages(path: string, meta: Buffer, sizeBytes: number): boolean {
  const file = openSync(path, 'r');
  const read = (page: number): Buffer => {
    const buffer = Buffer.alloc(pageBytes);
    readSync(file, buffer, 0, pageBytes, page * pageBytes);
    return buffer;
  };
  try {
    return holdsAllPages({ pageBytes, pageCount: Math.floor(sizeBytes / pageBytes), read }, meta);
  } finally {
    closeSync(file);
  }
}

/** The two meta pages; undefined when there is no file or an empty one. */
function readMeta(path: string): { readonly head: Buffer; readonly sizeBytes: number } | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const sizeBytes = fstatSync(file).size;
    if (sizeBytes === 0) return undefined;
    const buffer = Buffer.alloc(pageBytes * 2);
    const read = readSync(file, buffer, 0, buffer.byteLength, 0);
    return { head: buffer.subarray(0, read), sizeBytes };
  } finally {
    closeSync(file);
  }
}
