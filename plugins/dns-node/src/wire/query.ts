/** Reads queries: only what an answer depends on. */
import { classicUdpBytes, flags, headerBytes, opcodeMask, rcodes, recordTypes, type Rcode } from './constants.ts';
import { readName, skipName } from './names.ts';

export interface Query {
  readonly id: number;
  readonly recursionDesired: boolean;
  readonly checkingDisabled: boolean;
  /** In lower case, without the root's dot; the root: ''. */
  readonly name: string;
  readonly type: number;
  readonly class: number;
  /** The question as it was written: an answer repeats it with its letters' case. */
  readonly question: Buffer;
  /** Undefined: the client speaks no EDNS. */
  readonly edns: { readonly udpBytes: number; readonly dnssecOk: boolean } | undefined;
}

export type ReadQuery =
  | { readonly kind: 'query'; readonly query: Query }
  /** Answered with this code. */
  | { readonly kind: 'refused'; readonly id: number; readonly rcode: Rcode }
  /** Not a query at all: an answer would only serve who wants others to be flooded. */
  | { readonly kind: 'ignored' };

export function readQuery(message: Buffer): ReadQuery {
  if (message.length < headerBytes) return { kind: 'ignored' };
  const id = message.readUInt16BE(0);
  const bits = message.readUInt16BE(2);
  if ((bits & flags.QR) !== 0) return { kind: 'ignored' };
  if ((bits & opcodeMask) !== 0) return { kind: 'refused', id, rcode: rcodes.NOTIMP };
  const malformed = { kind: 'refused', id, rcode: rcodes.FORMERR } as const;
  const name = message.readUInt16BE(4) === 1 ? readName(message, headerBytes) : undefined;
  if (name === undefined || name.end + 4 > message.length) return malformed;
  const additional = readEdns(message, name.end + 4);
  if (additional === 'malformed') return malformed;
  const query: Query = {
    id,
    recursionDesired: (bits & flags.RD) !== 0,
    checkingDisabled: (bits & flags.CD) !== 0,
    name: name.text,
    type: message.readUInt16BE(name.end),
    class: message.readUInt16BE(name.end + 2),
    question: message.subarray(headerBytes, name.end + 4),
    edns: additional,
  };
  return { kind: 'query', query };
}

/** The OPT record of a query. Queries hold no other records that count. */
function readEdns(message: Buffer, start: number): Query['edns'] | 'malformed' {
  const records = message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
  let at = start;
  let found: Query['edns'];
  for (let record = 0; record < records; record++) {
    const end = skipName(message, at);
    if (end === undefined || end + 10 > message.length) return 'malformed';
    const next = end + 10 + message.readUInt16BE(end + 8);
    if (next > message.length) return 'malformed';
    if (message.readUInt16BE(end) === recordTypes.OPT) {
      if (found !== undefined) return 'malformed';
      const udpBytes = Math.max(message.readUInt16BE(end + 2), classicUdpBytes);
      found = { udpBytes, dnssecOk: (message.readUInt16BE(end + 6) & 0x8000) !== 0 };
    }
    at = next;
  }
  return found;
}
