import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Entry, Message } from '../raft/index.ts';
import { decodeMessage, encodeMessage } from './codec.ts';
import { FrameReader, frameHeadBytes, frameKind, frameOf, type Frame } from './frames.ts';
import { wireLimits } from './limits.ts';
import { attempt } from './malformed.ts';
import { checkPlain, packPlain } from './message-pack.ts';
import { ends, message, messages } from './testing/arbitrary-messages.ts';

function frameIn(bytes: Buffer, owned = false): Frame {
  return { kind: bytes.readUInt8(4), payload: bytes.subarray(frameHeadBytes), owned };
}

function decode(bytes: Buffer): Message | undefined {
  return decodeMessage(frameIn(bytes), ends);
}

/** What is wrong with the payload of a frame of this kind. */
function problemOf(kind: number, payload: Uint8Array): string | undefined {
  const result = attempt(() => decodeMessage({ kind, payload: Buffer.from(payload), owned: true }, ends));
  return 'problem' in result ? result.problem : undefined;
}

/** Buffers and byte arrays alike; own properties of any name. */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, one]) => [key, comparable(one)]));
}

function append(entries: readonly Entry[]): Message {
  return { type: 'appendRequest', ...ends, term: 9, prevIndex: 4, prevTerm: 3, entries, commit: 0, round: 0 };
}

describe('the codec of messages', () => {
  for (const [type, arbitrary] of Object.entries(messages)) {
    it(`gives back every ${type}`, () => {
      fc.assert(
        fc.property(arbitrary, (sent) => {
          expect(comparable(decode(encodeMessage(sent)))).toEqual(comparable(sent));
        }),
      );
    });
  }

  it('says in the head how long the frame is', () => {
    fc.assert(
      fc.property(message, (sent) => {
        const bytes = encodeMessage(sent);
        expect(bytes.readUInt32BE(0)).toBe(bytes.length - 4);
      }),
    );
  });

  it('copies the data of commands: later changes on either side are not seen on the other', () => {
    const data = Buffer.from('before');
    const bytes = encodeMessage(append([{ type: 'command', index: 5, term: 3, data }]));
    data.write('after!');
    const got = decode(bytes);
    bytes.fill(0);
    expect(got).toMatchObject({ entries: [{ index: 5, term: 3 }] });
    expect(got?.type === 'appendRequest' && got.entries[0]?.type === 'command' && String(got.entries[0].data)).toBe(
      'before',
    );
  });

  it('does not encode what a peer would refuse', () => {
    const data = Buffer.alloc(0);
    expect(() => encodeMessage(append([{ type: 'command', index: 6, term: 3, data }]))).toThrow('follows');
    expect(() => encodeMessage(append([{ type: 'command', index: 5, term: -1, data }]))).toThrow('whole number');
    const nonce = 'x'.repeat(wireLimits.nonceBytes + 1);
    expect(() => encodeMessage(append([{ type: 'register', index: 5, term: 3, nonce }]))).toThrow('nonce');
    const configuration = { voters: ['a', 'a'], outgoing: [], learners: [], addresses: {} };
    const entry = { type: 'configuration', index: 5, term: 3, configuration } as const;
    expect(() => encodeMessage(append([entry]))).toThrow('twice');
  });
});

describe('a message that breaks the rules', () => {
  it('is refused: terms that go back or beyond the term of the message', () => {
    const data = Buffer.alloc(1);
    for (const term of [2, 10]) {
      const bytes = encodeMessage(append([{ type: 'command', index: 5, term, data }]));
      expect(problemOf(frameKind.appendRequest, bytes.subarray(frameHeadBytes))).toContain(
        `the term ${term} cannot follow 3`,
      );
    }
    const ahead = encodeMessage({ ...append([]), term: 2 });
    expect(problemOf(frameKind.appendRequest, ahead.subarray(frameHeadBytes))).toContain('term');
  });

  it('is refused: numbers that are not safe, counts that promise more than there is, leftovers', () => {
    const heartbeat = encodeMessage({ type: 'heartbeatResponse', ...ends, term: 1, round: 1 }).subarray(frameHeadBytes);
    const { heartbeatResponse, appendRequest, readRequest, readResponse } = frameKind;
    expect(problemOf(heartbeatResponse, heartbeat)).toBeUndefined();
    expect(problemOf(heartbeatResponse, heartbeat.subarray(1))).toContain('too short');
    expect(problemOf(heartbeatResponse, Buffer.concat([heartbeat, Buffer.alloc(1)]))).toContain('left over');
    expect(problemOf(heartbeatResponse, Buffer.alloc(16, 0xff))).toContain('2^53');
    expect(problemOf(readRequest, Buffer.alloc(17, 2))).toContain('2^53');
    expect(problemOf(readRequest, Buffer.concat([Buffer.alloc(16), Buffer.from([2])]))).toContain('mode');
    expect(problemOf(readResponse, Buffer.concat([Buffer.alloc(16), Buffer.from([1])]))).toContain('too short');
    const many = Buffer.from(encodeMessage(append([])).subarray(frameHeadBytes));
    many.writeUInt32BE(60_000, 40);
    expect(problemOf(appendRequest, many)).toContain('too short for 60000');
    many.writeUInt32BE(0xffff_ffff, 40);
    expect(problemOf(appendRequest, many)).toContain('more than');
  });

  it('is refused: control messages with wrong fields', () => {
    const cases: readonly (readonly [unknown, string])[] = [
      ['text', 'not a list'],
      [[99, 1], 'unknown type'],
      [[4, -1], 'the term'],
      [[4, 1.5], 'the term'],
      [[4, 2n ** 60n], 'the term'],
      [[4, 1, 2], 'fields'],
      [[2, 1, 1, true], 'preVote'],
      [[1, 1, true, true, 0, 2], 'cannot stand'],
      [[3, 1, 'x'.repeat(1000), 0], 'longer'],
      [[3, 1, '', 0], 'empty'],
      [[5, 1], 'unknown type'],
      [{ 0: 4, 1: 1 }, 'not a list'],
    ];
    for (const [value, problem] of cases) expect(problemOf(frameKind.control, packPlain(value))).toContain(problem);
  });

  it('is refused: snapshots and configurations that cannot be', () => {
    const meta = (over: object): unknown[] =>
      Object.values({ index: 3, term: 2, id: 's', sizeBytes: 10, configuration: [['a'], [], [], []], ...over });
    const piece = (value: unknown, offset: number, last: number, bytes = 4): Buffer => {
      const head = Buffer.alloc(21);
      const packed = packPlain(value);
      head[7] = 2;
      head[15] = offset;
      head[16] = last;
      head.writeUInt32BE(packed.length, 17);
      return Buffer.concat([head, packed, Buffer.alloc(bytes)]);
    };
    const list = Array.from({ length: 300 }, (_, at) => `m${at}`);
    const cases: readonly (readonly [Buffer, string | undefined])[] = [
      [piece(meta({}), 6, 1), undefined],
      [piece(meta({}), 7, 0), 'behind the end'],
      [piece(meta({}), 5, 1), 'does not reach'],
      [piece(meta({}), 5, 2), 'yes or no'],
      [piece(meta({ term: 3 }), 6, 1), 'cannot be sent in term'],
      [piece(meta({ id: 7 }), 6, 1), 'not a text'],
      [piece(meta({ configuration: [[], [], [], []] }), 6, 1), 'no voter'],
      [piece(meta({ configuration: [['a'], [], ['a'], []] }), 6, 1), 'voter too'],
      [piece(meta({ configuration: [list, [], [], []] }), 6, 1), 'more than'],
      [piece(meta({ configuration: [['a'], [], [], [['a', 1]]] }), 6, 1), 'not a text'],
      [piece(meta({ configuration: [['a'], [], [], [['a', 'x'.repeat(600)]]] }), 6, 1), 'longer'],
    ];
    for (const [payload, problem] of cases) {
      const found = problemOf(frameKind.snapshotRequest, payload);
      if (problem === undefined) expect(found).toBeUndefined();
      else expect(found).toContain(problem);
    }
  });

  it('never makes the decoder throw, whatever the bytes are', () => {
    const kinds = fc.constantFrom(...Object.values(frameKind));
    fc.assert(
      fc.property(kinds, fc.uint8Array({ maxLength: 300 }), (kind, payload) => {
        const problem = problemOf(kind, payload);
        expect(problem === undefined || problem.length > 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused or understood within all bounds when bytes of a good one are changed', () => {
    const change = fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.boolean() });
    fc.assert(
      fc.property(message, fc.array(change, { minLength: 1, maxLength: 4 }), (sent, changes) => {
        let bytes = Buffer.from(encodeMessage(sent));
        for (const { at, value, cut } of changes) {
          if (bytes.length <= frameHeadBytes) break;
          const position = frameHeadBytes + (at % (bytes.length - frameHeadBytes));
          if (cut) bytes = bytes.subarray(0, position);
          else bytes[position] = value;
        }
        const result = attempt(() => decode(bytes));
        if ('value' in result && result.value !== undefined) checkBounds(result.value);
      }),
      { numRuns: 2000 },
    );
  });
});

/** What the core relies on. */
function checkBounds(got: Message): void {
  expect({ from: got.from, to: got.to }).toEqual(ends);
  const numbers = Object.entries(got).filter(([, value]) => typeof value === 'number');
  for (const [, value] of numbers) expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
  if (got.type !== 'appendRequest') return;
  let term = got.prevTerm;
  got.entries.forEach((entry, at) => {
    expect(entry.index).toBe(got.prevIndex + 1 + at);
    expect(entry.term >= term && entry.term <= got.term).toBe(true);
    ({ term } = entry);
  });
}

describe('plain MessagePack', () => {
  const nested = (depth: number): Buffer => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([0xc0])]);

  it.each<readonly [string, Buffer, string]>([
    ['an array that claims four thousand million elements', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]), 'longer'],
    ['a map that claims as many', Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]), 'longer'],
    ['arrays in arrays, a million deep', nested(1_000_000), 'deeper'],
    [
      'more values than are taken',
      Buffer.concat([Buffer.from([0xdd, 0, 4, 0, 0]), Buffer.alloc(262_144)]),
      'more than',
    ],
    ['a record of msgpackr', Buffer.from([0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01]), 'extension'],
    ['a date', Buffer.from([0xd6, 0xff, 0, 0, 0, 0]), 'extension'],
    ['an extension of unknown length', Buffer.from([0xc7, 1, 0x78, 0]), 'extension'],
    ['the token that is never used', Buffer.from([0xc1]), 'extension'],
    ['a key that is a number', Buffer.from([0x81, 1, 1]), 'key'],
    ['a string that is cut off', Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff, 0x61]), 'ends within'],
    ['bytes that are cut off', Buffer.from([0xc6, 0xff, 0xff, 0xff]), 'ends within'],
    ['two values', Buffer.from([0xc0, 0xc0]), 'left over'],
    ['nothing', Buffer.alloc(0), 'ends within'],
  ])('is refused: %s', (_, bytes, problem) => {
    expect(problemOf(frameKind.control, bytes)).toContain(problem);
  });

  it('is taken up to 32 levels', () => {
    expect(() => checkPlain(nested(32))).not.toThrow();
    expect(() => checkPlain(nested(33))).toThrow('deeper');
  });
});

describe('the reader of frames', () => {
  it('finds the same frames however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }),
        (sent, cuts) => {
          const stream = Buffer.concat([...sent.map(encodeMessage), frameOf(frameKind.ping, Buffer.alloc(0))]);
          const reader = new FrameReader(1 << 20);
          const got: unknown[] = [];
          for (let at = 0, turn = 0; at < stream.length; turn++) {
            const size = cuts[turn % cuts.length] ?? 1;
            const chunk = Buffer.from(stream.subarray(at, at + size));
            at += size;
            const problem = reader.push(chunk, (frame) => {
              got.push(frame.kind === frameKind.ping ? 'ping' : comparable(decodeMessage(frame, ends)));
              return true;
            });
            expect(problem).toBeUndefined();
          }
          expect(got).toEqual([...sent.map(comparable), 'ping']);
          expect(reader.heldBytes).toBe(0);
        },
      ),
    );
  });

  it('refuses empty and too long frames before it takes memory for them', () => {
    const push = (bytes: number[]): string | undefined => new FrameReader(1000).push(Buffer.from(bytes), () => true);
    expect(push([0, 0, 0, 0, 1])).toContain('empty');
    expect(push([0xff, 0xff, 0xff, 0xff, 1])).toContain('longer than 1000');
    expect(push([0, 0, 3, 0xe5, 1])).toContain('longer than 1000');
    const reader = new FrameReader(1 << 24);
    expect(reader.push(Buffer.from([0, 0xff, 0, 0, 4]), () => true)).toBeUndefined();
    for (let at = 0; at < 1000; at++) reader.push(Buffer.alloc(1), () => true);
    expect(reader.heldBytes).toBeLessThan(70_000);
  });

  it('stops when it is told to', () => {
    let seen = 0;
    const reader = new FrameReader(1000);
    const ping = frameOf(frameKind.ping, Buffer.alloc(0));
    reader.push(Buffer.concat([ping, ping, ping]), () => ++seen < 2);
    expect(seen).toBe(2);
  });
});
