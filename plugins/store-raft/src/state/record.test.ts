import { describe, expect, it } from '@jest/globals';
import type { StoreEvent } from '@timonel/sdk/contracts/store';
import fc from 'fast-check';
import { changeKey, decodeChange, decodeRecord, encodeChange, encodeRecord, leaseOf, numberKey } from './record.ts';

const count = fc.nat(2 ** 48 - 1);
const key = fc.string({ unit: fc.constantFrom('\u0000', 'a', 'é', '\uffff', '\u{10ffff}'), minLength: 1 });
const kv = (of: fc.Arbitrary<string>) =>
  fc.record({
    key: of,
    value: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    createRevision: count,
    modRevision: count,
    version: count,
    lease: count,
  });

describe('records', () => {
  it('give back what was stored', () => {
    fc.assert(
      fc.property(kv(key), (stored) => {
        const record = encodeRecord(stored);
        expect(decodeRecord(stored.key, record)).toEqual(stored);
        expect(leaseOf(record)).toBe(stored.lease);
      }),
    );
  });

  it('of changes give back the key, the type and the former version', () => {
    const event = key.chain((same) =>
      fc.record<StoreEvent>({
        type: fc.constantFrom('put', 'delete'),
        kv: kv(fc.constant(same)),
        prevKv: fc.option(kv(fc.constant(same)), { nil: undefined }),
      }),
    );
    fc.assert(
      fc.property(event, count, fc.nat(500), (stored, revision, place) => {
        const change = decodeChange(changeKey(revision, place), encodeChange(stored));
        expect(change).toEqual({ revision, type: stored.type, key: stored.kv.key, prev: stored.prevKv });
      }),
    );
  });

  it('of changes lie in order of revision and place', () => {
    fc.assert(
      fc.property(count, count, fc.nat(65_535), fc.nat(65_535), (a, b, i, j) => {
        expect(Buffer.compare(changeKey(a, i), changeKey(b, j))).toBe(Math.sign(a - b) || Math.sign(i - j));
        expect(Buffer.compare(numberKey(a), changeKey(a, i))).toBeLessThan(0);
      }),
    );
  });
});
