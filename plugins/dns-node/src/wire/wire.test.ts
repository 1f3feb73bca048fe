import { describe, expect, it } from '@jest/globals';
import { decode, encode, type Answer } from 'dns-packet';
import fc from 'fast-check';
import { edns, queryBytes, queryOf } from '../testing/query.ts';
import { readRelayed, writeRelayed } from '../forward/relayed.ts';
import { rcodes } from './constants.ts';
import { readCompressedName } from './names.ts';
import { readQuery } from './query.ts';
import { writeResponse, type DnsRecord } from './response.ts';

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const ttl = fc.integer({ min: 0, max: 86_400 });
const record: fc.Arbitrary<DnsRecord> = fc.oneof(
  fc.record({ name, ttl, type: fc.constant('A' as const), data: fc.ipV4() }),
  fc.record({ name, ttl, type: fc.constantFrom('CNAME' as const, 'PTR' as const, 'NS' as const), data: name }),
  fc.record({ name, ttl, type: fc.constant('TXT' as const), data: label }),
  fc.record({
    name,
    ttl,
    type: fc.constant('SRV' as const),
    port: fc.integer({ min: 1, max: 65_535 }),
    target: name,
    weight: fc.integer({ min: 0, max: 65_535 }),
  }),
  fc.record({
    name,
    ttl,
    type: fc.constant('AAAA' as const),
    data: fc.constantFrom('fd00::7', '::', '::1', '1::', 'fd00:1:2:3:4:5:6:7', '::ffff:1.2.3.4'),
  }),
);

/** As the other library shows it. */
function plain(answer: Answer): unknown {
  const { name: of, type, ttl: time } = answer as { name: string; type: string; ttl: number };
  const data = (answer as { data: unknown }).data;
  if (type === 'SRV') {
    const { port, target, weight } = data as { port: number; target: string; weight: number };
    return { name: of, type, ttl: time, port, target, weight };
  }
  return { name: of, type, ttl: time, data: type === 'TXT' ? String(data) : data };
}

const sixth: Record<string, string> = { '1::': '1::', '::ffff:1.2.3.4': '::ffff:102:304' };

describe('messages', () => {
  it('every answer is read by another library as it was meant, compressed or not', () => {
    fc.assert(
      fc.property(
        name,
        fc.array(record, { maxLength: 12 }),
        fc.array(record, { maxLength: 4 }),
        (asked, answers, additionals) => {
          const query = queryOf(asked.toUpperCase(), 'A', edns(4096));
          const bytes = writeResponse(
            query,
            { rcode: rcodes.NOERROR, authoritative: true, answers, additionals },
            65_535,
          );
          const read = decode(bytes);
          expect(read).toMatchObject({
            id: 4711,
            type: 'response',
            rcode: 'NOERROR',
            flag_aa: true,
            flag_rd: true,
            flag_tc: false,
          });
          expect(read.questions).toMatchObject([{ name: asked.toUpperCase(), type: 'A' }]);
          // A name that was in the question keeps the letters of the question.
          const lower = (value: unknown): unknown => JSON.parse(JSON.stringify(value).toLowerCase()) as unknown;
          const wanted = answers.map((one) =>
            one.type === 'AAAA' ? { ...one, data: sixth[one.data] ?? one.data } : one,
          );
          expect(lower(read.answers?.map(plain))).toEqual(lower(wanted));
          expect(read.additionals).toHaveLength(additionals.length + 1);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('an answer that is too large loses its additional records first, and then says that it is cut', () => {
    const answers = Array.from({ length: 10 }, (_, index): DnsRecord => ({
      name: 'a.b',
      ttl: 5,
      type: 'A',
      data: `10.0.0.${index}`,
    }));
    const additionals = Array.from({ length: 40 }, (_, index): DnsRecord => ({
      name: `n${index}.c`,
      ttl: 5,
      type: 'A',
      data: '10.0.0.1',
    }));
    const write = (limit: number): ReturnType<typeof decode> =>
      decode(
        writeResponse(queryOf('a.b', 'A'), { rcode: rcodes.NOERROR, authoritative: true, answers, additionals }, limit),
      );
    expect(write(65_535)).toMatchObject({ flag_tc: false, additionals: { length: 40 } });
    expect(write(512)).toMatchObject({ flag_tc: false, answers: { length: 10 }, additionals: [] });
    expect(write(100)).toMatchObject({ flag_tc: true, answers: [], additionals: [] });
  });

  it('what is no query gets no answer, what is malformed or not understood a code', () => {
    const kind = (bytes: Buffer): string => {
      const read = readQuery(bytes);
      return read.kind === 'refused' ? `${read.kind} ${read.rcode}` : read.kind;
    };
    expect(kind(Buffer.alloc(11))).toBe('ignored');
    expect(kind(encode({ type: 'response', id: 1, questions: [{ name: 'a', type: 'A' }] }))).toBe('ignored');
    expect(kind(Buffer.alloc(12))).toBe('refused 1');
    expect(
      kind(
        queryBytes('a', 'A', {
          questions: [
            { name: 'a', type: 'A' },
            { name: 'b', type: 'A' },
          ],
        }),
      ),
    ).toBe('refused 1');
    expect(kind(queryBytes('a.example', 'A').subarray(0, 20))).toBe('refused 1');
    expect(kind(queryBytes('a', 'A', { flags: 0x2800 }))).toBe('refused 4');
    expect(kind(queryBytes('a', 'A'))).toBe('query');
  });

  it('names with dots and bytes that are not letters are told from others', () => {
    const bytes = Buffer.concat([
      queryBytes('x', 'A').subarray(0, 12),
      Buffer.from([3, 0x61, 0x2e, 0xff, 1, 0x42, 0, 0, 1, 0, 1]),
    ]);
    const read = readQuery(bytes);
    expect(read.kind === 'query' && read.query.name).toBe(String.raw`a\046\255.b`);
  });

  it('no bytes make a reader throw, or go on for ever', () => {
    const message = fc.oneof(
      fc.uint8Array({ minLength: 0, maxLength: 300 }),
      fc.tuple(fc.uint8Array({ minLength: 0, maxLength: 60 }), fc.nat(40), name).map(([noise, at, of]) => {
        const bytes = queryBytes(of, 'A', edns(1232));
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), Math.min(at, bytes.length));
        return new Uint8Array(bytes);
      }),
    );
    fc.assert(
      fc.property(message, (raw) => {
        const bytes = Buffer.from(raw);
        const read = readQuery(bytes);
        if (read.kind === 'query')
          writeResponse(read.query, { rcode: rcodes.REFUSED, authoritative: false, answers: [] }, 512);
        const query = queryOf('a.example', 'A');
        const relayed = readRelayed(bytes, query.question);
        if (relayed !== undefined) writeRelayed(relayed, query, 3, 512);
        readCompressedName(bytes, 12);
      }),
      { numRuns: 3000 },
    );
  });
});
