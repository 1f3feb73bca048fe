import { encode, type Packet, type RecordType } from 'dns-packet';
import type { Query } from '../wire/query.ts';
import { readQuery } from '../wire/query.ts';

/** The bytes of a query, written by another library. */
export function queryBytes(name: string, type: RecordType, more: Partial<Packet> = {}): Buffer {
  return encode({ type: 'query', id: 4711, flags: 0x100, questions: [{ name, type }], ...more });
}

export function queryOf(name: string, type: RecordType, more: Partial<Packet> = {}): Query {
  const read = readQuery(queryBytes(name, type, more));
  if (read.kind !== 'query') throw new Error(`${name} is not read: ${read.kind}`);
  return read.query;
}

/** A client that speaks EDNS with this size. */
export function edns(udpPayloadSize: number): Partial<Packet> {
  return {
    additionals: [
      {
        name: '.',
        type: 'OPT',
        udpPayloadSize,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  };
}
