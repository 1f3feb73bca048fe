/**
 * The file that carries the state to another member: a head, frames of records, an end, and the SHA-256 of all before it. A
 * frame is its length (u32, big-endian) and its body; the head is MessagePack, a frame of records is a row of (length of
 * key u16, key, length of record u32, record), an empty frame ends the file.
 */
import { createHash } from 'node:crypto';
import { open, type FileHandle } from 'node:fs/promises';
import type { Lease } from '@timonel/sdk/contracts/store';
import { Packr } from 'msgpackr';
import type { StateMeta } from '../state/state-file.ts';

export interface SnapshotHead {
  readonly format: 1;
  readonly meta: StateMeta;
  readonly leases: readonly Lease[];
}

interface RawRecord {
  readonly key: Buffer;
  readonly record: Buffer;
}

const packr = new Packr({ useRecords: false });
const frameBytes = 256 * 1024;
/** Of a file whose checksum is right. The head holds the answers that sessions keep for retries. */
const longestFrameBytes = 256 * 1024 * 1024;
const digestBytes = 32;

/** Resolves with the size, when the file is on disk. `pause` gives way to other work between two frames. */
export async function writeSnapshotFile(
  path: string,
  head: SnapshotHead,
  records: Iterable<RawRecord>,
  pause: () => Promise<void>,
): Promise<number> {
  const file = await open(path, 'w', 0o600);
  try {
    const digest = createHash('sha256');
    let sizeBytes = 0;
    const write = async (parts: readonly Buffer[]): Promise<void> => {
      const body = Buffer.concat(parts);
      const frame = Buffer.concat([lengthOf(body.byteLength), body]);
      digest.update(frame);
      await file.appendFile(frame);
      sizeBytes += frame.byteLength;
    };
    await write([packr.pack(head)]);
    for (const parts of framesOf(records)) {
      await write(parts);
      await pause();
    }
    await write([]);
    await file.appendFile(digest.digest());
    await file.sync();
    return sizeBytes + digestBytes;
  } finally {
    await file.close();
  }
}

function* framesOf(records: Iterable<RawRecord>): Generator<Buffer[]> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for (const { key, record } of records) {
    const sizes = Buffer.allocUnsafe(2);
    sizes.writeUInt16BE(key.byteLength);
    parts.push(sizes, key, lengthOf(record.byteLength), record);
    bytes += 6 + key.byteLength + record.byteLength;
    if (bytes < frameBytes) continue;
    yield parts;
    parts = [];
    bytes = 0;
  }
  if (bytes > 0) yield parts;
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(bytes);
  return length;
}

/** Whether the file is whole: its size and its checksum. */
export async function isWholeSnapshot(path: string, sizeBytes: number): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    if ((await file.stat()).size !== sizeBytes || sizeBytes < digestBytes) return false;
    const digest = createHash('sha256');
    const end = sizeBytes - digestBytes;
    for (let at = 0; at < end; at += frameBytes) digest.update(await readAt(file, at, Math.min(frameBytes, end - at)));
    return digest.digest().equals(await readAt(file, end, digestBytes));
  } finally {
    await file.close();
  }
}

/** Reads a file that is whole: the head, then the records in parts. @throws Error when it is no snapshot */
export async function readSnapshotFile(
  path: string,
  onHead: (head: SnapshotHead) => void,
  onRecords: (records: readonly RawRecord[]) => Promise<void>,
): Promise<void> {
  const file = await open(path, 'r');
  try {
    let at = 0;
    const next = async (): Promise<Buffer> => {
      const length = (await readAt(file, at, 4)).readUInt32BE(0);
      if (length > longestFrameBytes) throw new Error(`a frame of ${length} bytes at ${at} of ${path}`);
      const body = await readAt(file, at + 4, length);
      at += 4 + length;
      return body;
    };
    const head = packr.unpack(await next()) as SnapshotHead;
    if (head.format !== 1) throw new Error(`${path} has the format ${String(head.format)}, and this version knows 1`);
    onHead(head);
    for (let frame = await next(); frame.byteLength > 0; frame = await next()) await onRecords(recordsOf(frame));
  } finally {
    await file.close();
  }
}

function recordsOf(frame: Buffer): RawRecord[] {
  const records: RawRecord[] = [];
  for (let at = 0; at < frame.byteLength;) {
    const keyEnd = at + 2 + frame.readUInt16BE(at);
    const recordEnd = keyEnd + 4 + frame.readUInt32BE(keyEnd);
    records.push({ key: frame.subarray(at + 2, keyEnd), record: frame.subarray(keyEnd + 4, recordEnd) });
    at = recordEnd;
  }
  return records;
}

async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  let done = 0;
  while (done < bytes) {
    const { bytesRead } = await file.read(buffer, done, bytes - done, at + done);
    if (bytesRead === 0) throw new Error('the snapshot is cut off');
    done += bytesRead;
  }
  return buffer;
}
