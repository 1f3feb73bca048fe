import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeSnapshot, encodeSnapshot, SnapshotReader, type KeyValue, type SnapshotPart } from './index.ts';

const content = {
  revision: 9,
  leases: [{ id: 3, ttlMs: 60_000 }],
  kvs: [
    { key: 'a', value: Buffer.from('one'), createRevision: 2, modRevision: 2, version: 1, lease: 0 },
    { key: 'b/ü', value: Buffer.alloc(0), createRevision: 4, modRevision: 9, version: 3, lease: 3 },
    { key: 'c', value: Buffer.alloc(700_000, 7), createRevision: 5, modRevision: 5, version: 1, lease: 0 },
  ],
};
const whole = Buffer.concat([...encodeSnapshot(content)]);
const small = Buffer.concat([...encodeSnapshot({ ...content, kvs: content.kvs.slice(0, 2) })]);

function read(bytes: Uint8Array, pieceBytes: number) {
  const reader = new SnapshotReader();
  const parts: SnapshotPart[] = [];
  for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
    for (const part of reader.add(bytes.subarray(at, at + pieceBytes))) {
      parts.push(part.type === 'kv' ? { type: 'kv', kv: { ...part.kv, value: Buffer.from(part.kv.value) } } : part);
    }
  }
  return { parts, summary: reader.end() };
}

// Comparing long values takes jest a minute.
function inShort({ value, ...rest }: KeyValue): object {
  return { ...rest, length: value.byteLength, hash: createHash('sha256').update(value).digest('hex') };
}

function codeOf(work: () => unknown): string {
  try {
    work();
    return 'sound';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

describe('SnapshotReader', () => {
  it('reads the same from pieces of any length', () => {
    for (const pieceBytes of [1, 7, 4096, 65_536, whole.byteLength]) {
      const bytes = pieceBytes === 1 ? small : whole;
      const kvs = pieceBytes === 1 ? content.kvs.slice(0, 2) : content.kvs;
      const { parts, summary } = read(bytes, pieceBytes);
      expect(parts[0]).toEqual({ type: 'revision', revision: 9 });
      expect(parts.flatMap((part) => (part.type === 'lease' ? [part.lease] : []))).toEqual(content.leases);
      const found = parts.flatMap((part) => (part.type === 'kv' ? [part.kv] : []));
      expect(found.map(inShort)).toEqual(kvs.map(inShort));
      expect(summary).toMatchObject({ revision: 9, leases: 1, keys: kvs.length, sizeBytes: bytes.byteLength });
      expect(summary.sha256).toBe(bytes.subarray(-32).toString('hex'));
    }
  });

  it('does not keep the bytes it was given', () => {
    const reader = new SnapshotReader();
    const shared = Buffer.alloc(16);
    for (let at = 0; at < small.byteLength; at += shared.byteLength) {
      const bytes = small.copy(shared, 0, at, at + shared.byteLength);
      reader.add(shared.subarray(0, bytes));
    }
    expect(reader.end()).toMatchObject({ keys: 2 });
  });

  it('refuses a change of any byte', () => {
    for (let at = 0; at < small.byteLength; at++) {
      const broken = Buffer.from(small);
      broken[at] = (broken[at] ?? 0) ^ 0x41;
      expect([at, codeOf(() => read(broken, 64))]).toEqual([at, 'CORRUPT']);
      expect([at, codeOf(() => decodeSnapshot(broken))]).toEqual([at, 'CORRUPT']);
    }
  });

  it('refuses one that was cut off anywhere, or goes on', () => {
    for (let length = 0; length < small.byteLength; length++) {
      expect([length, codeOf(() => read(small.subarray(0, length), 64))]).toEqual([length, 'CORRUPT']);
    }
    for (const pieceBytes of [1, 64, 10_000]) {
      expect(codeOf(() => read(Buffer.concat([small, Buffer.from([0])]), pieceBytes))).toBe('CORRUPT');
    }
  });

  it('refuses whatever else', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 50 }),
        (bytes, begin, size) => {
          const text = begin ? Buffer.concat([small.subarray(0, 40), bytes]) : bytes;
          expect(codeOf(() => read(text, size))).toBe('CORRUPT');
        },
      ),
    );
  });

  it('holds back nothing but what is incomplete', () => {
    const reader = new SnapshotReader();
    const tooLong = Buffer.concat([small.subarray(0, 19), Buffer.from([3, 0xff, 0xff, 0xff, 0xff])]);
    expect(() => reader.add(tooLong)).toThrow('a frame of 4294967295 bytes');
  });

  it('refuses what contradicts itself under a right checksum', () => {
    const encoded = (change: object) => Buffer.concat([...encodeSnapshot({ ...content, ...change })]);
    const [kv] = content.kvs;
    for (const change of [
      { revision: 1 },
      { revision: 0 },
      { revision: 1.5 },
      { leases: [{ id: -1, ttlMs: 1 }] },
      { leases: [{ id: 1, ttlMs: Number.NaN }] },
      { kvs: [{ ...kv, createRevision: 3 }] },
      { kvs: [{ ...kv, version: 2 ** 48 }] },
      { kvs: [{ ...kv, key: '' }] },
      { kvs: [{ ...kv, key: 'x'.repeat(3000) }] },
    ]) {
      expect([change, codeOf(() => read(encoded(change), 1000))]).toEqual([change, 'CORRUPT']);
    }
  });
});
