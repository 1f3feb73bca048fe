/** Answers of other servers: passed on as they are, so that every type of record survives. */
import { classInternet, flags, headerBytes, rcodeMask, rcodes, recordTypes, type Rcode } from '../wire/constants.ts';
import { readCompressedName, skipName } from '../wire/names.ts';
import type { Query } from '../wire/query.ts';
import type { DnsRecord } from '../wire/response.ts';

interface RawRecord {
  readonly start: number;
  readonly type: number;
  readonly ttlAt: number;
  readonly dataAt: number;
  readonly dataBytes: number;
  readonly section: 'answer' | 'authority' | 'additional';
}

export interface Relayed {
  readonly message: Buffer;
  readonly rcode: Rcode;
  /** Where the times to live stand. */
  readonly ttlPlaces: readonly number[];
  /** How long it may be kept, in seconds. 0: not at all. */
  readonly ttlSeconds: number;
}

/** Undefined: it is no well-formed answer to this question. */
export function readRelayed(message: Buffer, question: Buffer): Relayed | undefined {
  if (message.length < headerBytes + question.length) return undefined;
  if ((message.readUInt16BE(2) & flags.QR) === 0 || message.readUInt16BE(4) !== 1) return undefined;
  if (!sameQuestion(message.subarray(headerBytes, headerBytes + question.length), question)) return undefined;
  const records = readRecords(message, headerBytes + question.length);
  if (records === undefined) return undefined;
  const rcode = (message.readUInt16BE(2) & rcodeMask) as Rcode;
  const counted = records.filter(({ type }) => type !== recordTypes.OPT);
  return {
    message,
    rcode,
    ttlPlaces: counted.map(({ ttlAt }) => ttlAt),
    ttlSeconds: timeToLive(message, rcode, counted),
  };
}

/** Names of questions are compared without case; the four bytes after them have none. */
function sameQuestion(one: Buffer, other: Buffer): boolean {
  return one.every((byte, index) => byte === other[index] || lower(byte) === lower(other[index] ?? 0));
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

function readRecords(message: Buffer, start: number): RawRecord[] | undefined {
  const records: RawRecord[] = [];
  const sections = ['answer', 'authority', 'additional'] as const;
  let at = start;
  for (const [index, section] of sections.entries()) {
    for (let count = message.readUInt16BE(6 + index * 2); count > 0; count--) {
      const end = skipName(message, at);
      if (end === undefined || end + 10 > message.length) return undefined;
      const dataBytes = message.readUInt16BE(end + 8);
      if (end + 10 + dataBytes > message.length) return undefined;
      records.push({
        start: at,
        type: message.readUInt16BE(end),
        ttlAt: end + 4,
        dataAt: end + 10,
        dataBytes,
        section,
      });
      at = end + 10 + dataBytes;
    }
  }
  return records;
}

/** Source: RFC 2308 for negative answers. */
function timeToLive(message: Buffer, rcode: Rcode, records: readonly RawRecord[]): number {
  if (rcode !== rcodes.NOERROR && rcode !== rcodes.NXDOMAIN) return 0;
  const ttls = records.map(({ ttlAt }) => message.readUInt32BE(ttlAt)).map((ttl) => (ttl > 0x7fffffff ? 0 : ttl));
  const positive = rcode === rcodes.NOERROR && records.some(({ section }) => section === 'answer');
  if (positive) return Math.min(...ttls);
  const soa = records.find(({ type, section }) => section === 'authority' && type === recordTypes.SOA);
  if (soa === undefined || soa.dataBytes < 20) return 0;
  return Math.min(...ttls, message.readUInt32BE(soa.dataAt + soa.dataBytes - 4));
}

/** The message for one client: with its id, its letters, and the times to live that are left. */
export function writeRelayed(relayed: Relayed, query: Query, ageSeconds: number, limitBytes: number): Buffer {
  const { message, ttlPlaces } = relayed;
  const questionEnd = headerBytes + query.question.length;
  const whole = message.length <= limitBytes;
  const copy = Buffer.from(whole ? message : message.subarray(0, questionEnd));
  copy.writeUInt16BE(query.id, 0);
  query.question.copy(copy, headerBytes);
  if (!whole) {
    copy.writeUInt16BE(copy.readUInt16BE(2) | flags.TC, 2);
    copy.fill(0, 6, headerBytes);
    return copy;
  }
  for (const place of ttlPlaces) copy.writeUInt32BE(Math.max(0, copy.readUInt32BE(place) - ageSeconds), place);
  return copy;
}

/** Addresses and further names: what the answer to another name of a service is made of. */
export function readAddressRecords(message: Buffer, questionBytes: number): DnsRecord[] {
  const found: DnsRecord[] = [];
  for (const record of readRecords(message, headerBytes + questionBytes) ?? []) {
    if (record.section !== 'answer' || message.readUInt16BE(record.ttlAt - 2) !== classInternet) continue;
    const name = readCompressedName(message, record.start);
    const ttl = message.readUInt32BE(record.ttlAt);
    const bytes = message.subarray(record.dataAt, record.dataAt + record.dataBytes);
    if (name === undefined) continue;
    if (record.type === recordTypes.A && bytes.length === 4)
      found.push({ name, ttl, type: 'A', data: bytes.join('.') });
    if (record.type === recordTypes.AAAA && bytes.length === 16) {
      const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
      found.push({ name, ttl, type: 'AAAA', data: groups.join(':') });
    }
    const target = record.type === recordTypes.CNAME ? readCompressedName(message, record.dataAt) : undefined;
    if (target !== undefined) found.push({ name, ttl, type: 'CNAME', data: target });
  }
  return found;
}
