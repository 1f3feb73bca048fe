/** Reads all segments, and tells a write that a crash cut off from damage. Changes nothing. */
import { errorMessage } from '@timonel/sdk';
import { ByteReader } from './byte-reader.ts';
import { damageAt, LogDamage, newerFormat } from './log-damage.ts';
import type { LogDisk } from './log-disk.ts';
import { LogReplay } from './log-replay.ts';
import { decodeHeader, type SegmentHeader } from './record-body.ts';
import {
  findRecord,
  formatVersion,
  isEnd,
  parseSegmentName,
  preambleBytes,
  readPreamble,
  readRecord,
  type StoredRecord,
} from './segment-format.ts';

/** A segment file that is part of the log. */
export interface Segment {
  readonly number: number;
  readonly name: string;
  readonly sizeBytes: number;
  /** Of the log when the segment began: if all up to it is dropped, the segments before this one are not needed. */
  readonly lastIndexBefore: number;
}

/** Where the next record goes. */
export interface LogEnd {
  readonly salt: number;
  readonly position: number;
  readonly sequence: number;
  /** Something stands there that is no record: a write that was cut off. */
  readonly torn: boolean;
}

export interface LogContent {
  readonly replay: LogReplay;
  /** From the oldest to the one that is being written. */
  readonly segments: readonly [Segment, ...Segment[]];
  readonly end: LogEnd;
}

interface OpenedSegment {
  readonly path: string;
  readonly bytes: Buffer;
  readonly salt: number;
  readonly header: SegmentHeader;
  readonly first: StoredRecord;
}

/** Where the records of a segment end, and which would be next. */
interface SegmentEnd {
  readonly path: string;
  readonly position: number;
  readonly sequence: number;
  readonly torn: boolean;
}

/** undefined: there is no log. @throws LogDamage */
export async function readLog(disk: LogDisk): Promise<LogContent | undefined> {
  const segments: Segment[] = [];
  let replay: LogReplay | undefined;
  let end: LogEnd | undefined;
  let before: SegmentEnd | undefined;
  const names = await segmentNames(disk);
  for (const { name, number, firstIndex } of names) {
    const opened = openSegment(disk.pathOf(name), await disk.read(name), number, firstIndex);
    if (before !== undefined && opened.first.sequence !== before.sequence) throw gap(before, opened.path);
    replay ??= new LogReplay(opened.header);
    before = replaySegment(opened, replay, number, segments.length + 1 === names.length);
    end = { ...before, salt: opened.salt };
    const { lastIndex: lastIndexBefore } = opened.header;
    segments.push({ number, name, sizeBytes: opened.bytes.byteLength, lastIndexBefore });
  }
  const [oldest, ...others] = segments;
  if (oldest === undefined || replay === undefined || end === undefined) return undefined;
  const missing = replay.missing();
  if (missing !== undefined) throw damageAt(disk.pathOf(oldest.name), 0, missing);
  return { replay, segments: [oldest, ...others], end };
}

/** In order. @throws LogDamage when one is missing between others */
async function segmentNames(disk: LogDisk): Promise<{ name: string; number: number; firstIndex: number }[]> {
  const found: { name: string; number: number; firstIndex: number }[] = [];
  for (const { name } of await disk.list()) {
    const parsed = parseSegmentName(name);
    if (parsed !== undefined) found.push({ name, ...parsed });
  }
  found.sort((a, b) => a.number - b.number);
  found.forEach(({ name, number }, at) => {
    const before = found[at - 1];
    if (before === undefined || number === before.number + 1) return;
    const paths = `${disk.pathOf(before.name)} and ${disk.pathOf(name)}`;
    const what = number === before.number ? 'are the same segment' : 'have a gap between them, a segment file is gone';
    throw new LogDamage(`the files of the Raft log ${paths} ${what}`);
  });
  return found;
}

function openSegment(path: string, bytes: Buffer, number: number, firstIndex: number): OpenedSegment {
  const preamble = readPreamble(bytes);
  if (typeof preamble === 'string') throw damageAt(path, 0, preamble);
  if ('newerVersion' in preamble) throw newerFormat(path, preamble.newerVersion, formatVersion);
  if (preamble.number !== number) throw damageAt(path, 0, `it is segment ${preamble.number} by its content`);
  const { salt } = preamble;
  const first = readRecord(bytes, preambleBytes, salt);
  if (first?.kind !== 'header') throw damageAt(path, preambleBytes, 'its first record is damaged');
  const header = asDamage(path, preambleBytes, () => decodeHeader(new ByteReader(first.body)));
  if (header.lastIndex + 1 !== firstIndex) {
    throw damageAt(path, preambleBytes, `it begins with entry ${header.lastIndex + 1} by its content`);
  }
  return { path, bytes, salt, header, first };
}

function replaySegment(opened: OpenedSegment, replay: LogReplay, number: number, isLast: boolean): SegmentEnd {
  const { path, bytes, salt } = opened;
  let at = preambleBytes;
  let { sequence } = opened.first;
  for (;;) {
    const record = readRecord(bytes, at, salt);
    if (record === undefined) break;
    if (record.sequence !== sequence || (record.kind === 'header') !== (at === preambleBytes)) {
      throw damageAt(path, at, `the record there is number ${record.sequence} (${record.kind}), not ${sequence}`);
    }
    asDamage(path, at, () => replay.apply(record.kind, record.body, number));
    at = record.end;
    sequence += 1;
  }
  // In older segments the number of the record that follows tells.
  const later = isLast ? findRecord(bytes, at, salt, sequence) : undefined;
  if (later !== undefined) {
    throw damageAt(path, at, `record ${sequence} is damaged or gone, while there is a sound one at byte ${later}`);
  }
  return { path, position: at, sequence, torn: !isEnd(bytes, at) };
}

function gap(before: SegmentEnd, nextPath: string): LogDamage {
  return damageAt(
    before.path,
    before.position,
    `record ${before.sequence} is damaged or gone, while those in ${nextPath} are sound`,
  );
}

function asDamage<T>(path: string, offset: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw damageAt(path, offset, errorMessage(error));
  }
}
