import { crc32 } from 'node:zlib';
import { packCommand, unpackCommand, type Command } from '../command.ts';

/** One entry of the Raft log (Raft paper, figure 2). */
export interface LogEntry {
  readonly index: number;
  readonly term: number;
  readonly command: Command;
}

/** Format of a stored entry: CRC-32 of the rest (u32), format (u8), index (u48), term (u48), command; big-endian. */
const format = 1;
const headBytes = 17;

export function encodeEntry(entry: LogEntry): Buffer {
  const command = packCommand(entry.command);
  const bytes = Buffer.allocUnsafe(headBytes + command.byteLength);
  bytes.writeUInt8(format, 4);
  bytes.writeUIntBE(entry.index, 5, 6);
  bytes.writeUIntBE(entry.term, 11, 6);
  command.copy(bytes, headBytes);
  bytes.writeUInt32BE(crc32(bytes.subarray(4)), 0);
  return bytes;
}

/** The entry, or in words what is wrong with it. */
export function decodeEntry(bytes: Buffer, index: number): LogEntry | string {
  if (bytes.byteLength <= headBytes) return 'it is too short';
  if (bytes.readUInt32BE(0) !== crc32(bytes.subarray(4))) return 'its checksum does not fit';
  if (bytes.readUInt8(4) !== format) return `it has the format ${bytes.readUInt8(4)}, not ${format}`;
  if (bytes.readUIntBE(5, 6) !== index) return `it carries the index ${bytes.readUIntBE(5, 6)}`;
  return { index, term: bytes.readUIntBE(11, 6), command: unpackCommand(bytes.subarray(headBytes)) };
}
