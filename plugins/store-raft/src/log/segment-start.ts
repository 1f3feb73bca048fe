import { ByteWriter } from './byte-writer.ts';
import type { LogDisk } from './log-disk.ts';
import { encodeHeader, type SegmentHeader } from './record-body.ts';
import { endBytes, preambleBytes, recordHeadBytes, sealRecord, segmentName, writePreamble } from './segment-format.ts';
import type { SpareSegments } from './spare-segments.ts';
import { TailSegment } from './tail-segment.ts';

export interface SegmentSizes {
  readonly firstBytes: number;
  readonly fullBytes: number;
}

/** Each segment is twice as large as the one before, until they are full-grown. */
export function nextSizeBytes({ firstBytes, fullBytes }: SegmentSizes, before: number): number {
  return Math.min(fullBytes, Math.max(firstBytes, before * 2));
}

/**
 * Makes the segment that follows `before`, with room for a record of that size, and gives it its name. When it fails after
 * `onNaming` the log may end with a segment that has but its header, which is sound; nothing may be written to `before`
 * then, and the next try puts another in its place.
 */
export async function startSegment(
  parts: {
    readonly disk: LogDisk;
    readonly spares: SpareSegments;
    readonly sizes: SegmentSizes;
    readonly salt: () => number;
  },
  header: SegmentHeader,
  before: TailSegment | undefined,
  recordBytes: number,
  onNaming: () => void,
): Promise<TailSegment> {
  const { disk, spares, sizes } = parts;
  const number = (before?.segment.number ?? 0) + 1;
  const sequence = before?.sequence ?? 1;
  const salt = parts.salt();
  const head = encodeHead({ salt, number }, header, sequence);
  const position = head.byteLength - endBytes;
  const usualBytes = nextSizeBytes(sizes, before?.segment.sizeBytes ?? 0);
  const { name: spareName, sizeBytes } = await spares.take(Math.max(usualBytes, head.byteLength + recordBytes));
  const name = segmentName(number, header.lastIndex + 1);
  const file = await disk.open(spareName);
  try {
    await file.write(head, 0);
    onNaming();
    await disk.rename(spareName, name);
    await disk.syncDirectory();
  } catch (error) {
    await file.close();
    throw error;
  }
  const segment = { number, name, sizeBytes, lastIndexBefore: header.lastIndex };
  return new TailSegment(segment, file, { salt, position, sequence: sequence + 1, torn: false });
}

function encodeHead(preamble: { salt: number; number: number }, header: SegmentHeader, sequence: number): Buffer {
  const out = new ByteWriter();
  out.start(preambleBytes + recordHeadBytes);
  encodeHeader(out, header);
  writePreamble(out.bytes, preamble);
  sealRecord(out.bytes.subarray(preambleBytes), 'header', sequence, preamble.salt);
  out.zeros(endBytes);
  return Buffer.from(out.bytes);
}
