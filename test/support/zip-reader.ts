/** Reads single files out of a zip archive (PKWARE APPNOTE 6.3): stored and deflated entries, no zip64. */
import { inflateRawSync } from 'node:zlib';

const endSignature = 0x06054b50;
const entrySignature = 0x02014b50;
const endLength = 22;
const commentLimit = 0xffff;

function findEnd(zip: Buffer): number {
  for (let at = zip.length - endLength; at >= Math.max(0, zip.length - endLength - commentLimit); at -= 1) {
    if (zip.readUInt32LE(at) === endSignature) return at;
  }
  throw new Error('not a zip archive: it has no end record');
}

function content(zip: Buffer, entry: number): Buffer {
  const method = zip.readUInt16LE(entry + 10);
  const compressedSize = zip.readUInt32LE(entry + 20);
  const local = zip.readUInt32LE(entry + 42);
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const bytes = zip.subarray(start, start + compressedSize);
  if (method === 0) return Buffer.from(bytes);
  if (method === 8) return inflateRawSync(bytes);
  throw new Error(`unknown compression method ${method} in a zip archive`);
}

/** The contents of the file `name`. @throws Error when it is not in the archive. */
export function readZipFile(zip: Buffer, name: string): Buffer {
  const end = findEnd(zip);
  const count = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  for (let index = 0; index < count; index += 1) {
    if (zip.readUInt32LE(at) !== entrySignature) throw new Error('damaged zip archive: bad directory entry');
    const nameLength = zip.readUInt16LE(at + 28);
    if (zip.toString('utf8', at + 46, at + 46 + nameLength) === name) return content(zip, at);
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  throw new Error(`the zip archive has no file ${name}`);
}
