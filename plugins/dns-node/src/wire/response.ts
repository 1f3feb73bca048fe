/** Writes answers. */
import {
  classInternet,
  classicUdpBytes,
  flags,
  headerBytes,
  largestUdpBytes,
  recordTypes,
  type Rcode,
} from './constants.ts';
import { ipv6Groups } from './addresses.ts';
import type { Query } from './query.ts';

/** One resource record of class IN. Names without the dot at the end. */
export type DnsRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'PTR' | 'NS' | 'TXT'; readonly data: string }
  | { readonly type: 'SRV'; readonly port: number; readonly target: string; readonly weight: number }
  | { readonly type: 'SOA'; readonly primary: string; readonly serial: number; readonly minimum: number }
  | { readonly type: 'HINFO'; readonly data: string }
);

export interface Response {
  readonly rcode: Rcode;
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  /** Left out first when the answer is too large. */
  readonly additionals?: readonly DnsRecord[];
}

/** The most bytes of a datagram for this client. */
export function udpBytesFor(query: Query): number {
  return query.edns === undefined ? classicUdpBytes : Math.min(query.edns.udpBytes, largestUdpBytes);
}

/** Times of a zone's SOA that only secondary servers use, in seconds: refresh, retry, expire. */
const secondaryTimes = [7200, 1800, 86_400] as const;

/** The message; with TC set and without records when it would be longer than `limitBytes`. */
export function writeResponse(query: Query, response: Response, limitBytes: number): Buffer {
  const { answers, authorities = [], additionals = [] } = response;
  const full = new Writer(query).write(response, answers, authorities, additionals);
  if (full.length <= limitBytes) return full;
  const needed = new Writer(query).write(response, answers, authorities, []);
  if (needed.length <= limitBytes) return needed;
  const empty = new Writer(query).write(response, [], [], []);
  empty.writeUInt16BE(empty.readUInt16BE(2) | flags.TC, 2);
  return empty;
}

/** An answer to what could not be read. */
export function writeRefusal(id: number, rcode: Rcode): Buffer {
  const message = Buffer.alloc(headerBytes);
  message.writeUInt16BE(id, 0);
  message.writeUInt16BE(flags.QR | rcode, 2);
  return message;
}

class Writer {
  readonly #query: Query;
  #bytes = Buffer.allocUnsafe(classicUdpBytes);
  #length = 0;
  /** Where each name, and each of its endings, was written first. */
  readonly #places = new Map<string, number>();

  constructor(query: Query) {
    this.#query = query;
  }

  write(
    { rcode, authoritative }: Response,
    answers: readonly DnsRecord[],
    authorities: readonly DnsRecord[],
    additionals: readonly DnsRecord[],
  ): Buffer {
    const { id, recursionDesired, checkingDisabled, question, edns, name } = this.#query;
    this.#uint16(id);
    const asked = (recursionDesired ? flags.RD : 0) | (checkingDisabled ? flags.CD : 0);
    this.#uint16(flags.QR | flags.RA | (authoritative ? flags.AA : 0) | asked | rcode);
    this.#uint16(1);
    this.#uint16(answers.length);
    this.#uint16(authorities.length);
    this.#uint16(additionals.length + (edns === undefined ? 0 : 1));
    this.#room(question.length);
    this.#rememberName(name, this.#length);
    question.copy(this.#bytes, this.#length);
    this.#length += question.length;
    for (const section of [answers, authorities, additionals]) for (const record of section) this.#record(record);
    if (edns !== undefined) this.#opt(edns.dnssecOk);
    return this.#bytes.subarray(0, this.#length);
  }

  #record(record: DnsRecord): void {
    this.#name(record.name);
    this.#uint16(recordTypes[record.type]);
    this.#uint16(classInternet);
    this.#uint32(record.ttl);
    const place = this.#length;
    this.#uint16(0);
    this.#data(record);
    this.#bytes.writeUInt16BE(this.#length - place - 2, place);
  }

  #data(record: DnsRecord): void {
    switch (record.type) {
      case 'A':
        for (const part of record.data.split('.')) this.#uint8(Number(part));
        return;
      case 'AAAA':
        for (const group of ipv6Groups(record.data)) this.#uint16(group);
        return;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        return this.#name(record.data);
      case 'TXT':
        return this.#text(record.data);
      case 'HINFO':
        this.#text(record.data);
        return this.#text('');
      case 'SRV':
        this.#uint16(0);
        this.#uint16(record.weight);
        this.#uint16(record.port);
        // Never compressed: RFC 2782.
        return this.#name(record.target, false);
      case 'SOA':
        this.#name(record.primary);
        this.#name(`hostmaster.${record.name}`);
        this.#uint32(record.serial);
        for (const time of secondaryTimes) this.#uint32(time);
        return this.#uint32(record.minimum);
    }
  }

  #opt(dnssecOk: boolean): void {
    this.#uint8(0);
    this.#uint16(recordTypes.OPT);
    this.#uint16(largestUdpBytes);
    this.#uint32(dnssecOk ? 0x8000 : 0);
    this.#uint16(0);
  }

  #name(name: string, mayPoint = true): void {
    let rest = name;
    while (rest !== '') {
      const place = mayPoint ? this.#places.get(rest) : undefined;
      if (place !== undefined) return this.#uint16(0xc000 | place);
      if (this.#length < 0x4000 && !this.#places.has(rest)) this.#places.set(rest, this.#length);
      const dot = rest.indexOf('.');
      const label = dot === -1 ? rest : rest.slice(0, dot);
      this.#uint8(label.length);
      this.#latin1(label);
      rest = dot === -1 ? '' : rest.slice(dot + 1);
    }
    this.#uint8(0);
  }

  /** Of the question. Its text tells the places only while no byte of it is escaped. */
  #rememberName(name: string, start: number): void {
    if (name.includes('\\')) return;
    let rest = name;
    for (let place = start; rest !== '';) {
      this.#places.set(rest, place);
      const dot = rest.indexOf('.');
      place += 1 + (dot === -1 ? rest.length : dot);
      rest = dot === -1 ? '' : rest.slice(dot + 1);
    }
  }

  #text(text: string): void {
    this.#uint8(text.length);
    this.#latin1(text);
  }

  #latin1(text: string): void {
    this.#room(text.length);
    this.#length += this.#bytes.write(text, this.#length, 'latin1');
  }

  #uint8(value: number): void {
    this.#room(1);
    this.#length = this.#bytes.writeUInt8(value, this.#length);
  }

  #uint16(value: number): void {
    this.#room(2);
    this.#length = this.#bytes.writeUInt16BE(value, this.#length);
  }

  #uint32(value: number): void {
    this.#room(4);
    this.#length = this.#bytes.writeUInt32BE(value, this.#length);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
