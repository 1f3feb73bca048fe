/**
 * Prints what the transport costs on this machine: `node --conditions timonel-source --import tsx
 * plugins/store-raft/test/measure-transport.ts`. Entries of VALUE_BYTES (default 300), BATCH of them (default 64) in a message.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv, keepProcessAlive } from '@timonel/core/env';
import type { Entry, Message } from '../src/raft/index.ts';
import { decodeMessage, encodeMessage } from '../src/transport/codec.ts';
import { frameHeadBytes } from '../src/transport/frames.ts';
import { createTlsTransport } from '../src/transport/tls-transport.ts';
import { makeAuthority, makeCertificate, writeCredentials } from '../src/transport/testing/certificates.ts';
import type { Transport } from '../src/transport/types.ts';
import { silentLogger } from './silent-logger.ts';

const valueBytes = Number(process.env['VALUE_BYTES'] ?? 300);
const batch = Number(process.env['BATCH'] ?? 64);
const rows: Record<string, unknown>[] = [];

function append(to: string, batch: number, first: number): Message {
  const entries: Entry[] = [];
  for (let index = first; index < first + batch; index++) {
    const id = { session: 5, sequence: index, floor: index };
    entries.push({ type: 'command', index, term: 3, id, data: Buffer.alloc(valueBytes, 7) });
  }
  return {
    type: 'appendRequest',
    from: 'a',
    to,
    term: 3,
    prevIndex: first - 1,
    prevTerm: 3,
    entries,
    commit: 1,
    round: 1,
  };
}

/** Processor time, not time: others may be busy on this machine. */
function time(what: string, per: number, rounds: number, run: () => unknown): void {
  for (let at = 0; at < rounds / 10; at++) run();
  const before = process.cpuUsage();
  for (let at = 0; at < rounds; at++) run();
  const { user, system } = process.cpuUsage(before);
  rows.push({ what, 'CPU µs each': Number(((user + system) / (rounds * per)).toFixed(3)) });
}

for (const size of [1, batch, 2000]) {
  const message = append('b', size, 1);
  const bytes = encodeMessage(message);
  const payload = bytes.subarray(frameHeadBytes);
  const ends = { from: 'a', to: 'b' };
  const rounds = Math.ceil(400_000 / size);
  time(`encode an entry, ${size} in a message`, size, rounds, () => encodeMessage(message));
  time(`decode an entry, ${size} in a message`, size, rounds, () =>
    decodeMessage({ kind: bytes.readUInt8(4), payload, owned: false }, ends),
  );
}
const heartbeat: Message = { type: 'heartbeatRequest', from: 'a', to: 'b', term: 3, commit: 1, round: 1 };
const read: Message = { type: 'readRequest', from: 'a', to: 'b', term: 3, context: 1, mode: 'quorum' };
for (const message of [heartbeat, read]) {
  const bytes = encodeMessage(message);
  const frame = { kind: bytes.readUInt8(4), payload: bytes.subarray(frameHeadBytes), owned: false };
  time(`encode a ${message.type}`, 1, 200_000, () => encodeMessage(message));
  time(`decode a ${message.type}`, 1, 200_000, () => decodeMessage(frame, { from: 'a', to: 'b' }));
}

const release = keepProcessAlive();
const directory = await mkdtemp(join(tmpdir(), 'timonel-transport-measure-'));
const authority = await makeAuthority();

async function member(id: string, onMessage: (message: Message) => void): Promise<Transport> {
  const transport = createTlsTransport({
    env: createRealEnv(),
    log: silentLogger,
    memberId: id,
    listen: { address: '127.0.0.1', port: 0 },
    tls: await writeCredentials(directory, id, await makeCertificate(authority, { id })),
  });
  await transport.start({ onMessage, onCall: async ({ payload }) => payload, onUnreachable: () => undefined });
  return transport;
}

/** A leader that keeps `window` messages under way to each of two followers, all three in this one thread. */
async function flood(size: number, window: number, total: number): Promise<void> {
  let done: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (done = resolve));
  let answers = 0;
  const next = new Map<string, number>();
  const push = (to: string): void => {
    const first = next.get(to) ?? 1;
    if (first > total) return;
    next.set(to, first + size);
    if (!leader.send(append(to, size, first))) throw new Error('the queue is full');
  };
  const leader: Transport = await member('a', ({ from }) => {
    answers++;
    push(from);
    if (answers === Math.ceil(total / size) * 2) done();
  });
  const followers = await Promise.all(
    ['b', 'c'].map(async (id) => {
      const follower: Transport = await member(id, () => {
        const result = { type: 'accepted', index: 1 } as const;
        follower.send({ type: 'appendResponse', from: id, to: 'a', term: 3, round: 1, result });
      });
      return follower;
    }),
  );
  const addresses = Object.fromEntries([leader, ...followers].map((one, at) => ['abc'[at], one.listening]));
  leader.setPeers(addresses);
  while (!['b', 'c'].every((to) => leader.send({ ...heartbeat, to }))) {
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  const cpu = process.cpuUsage();
  const began = performance.now();
  for (const to of ['b', 'c']) for (let at = 0; at < window; at++) push(to);
  await finished;
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  rows.push({
    what: `${size} entries in a message, ${window} under way, to two followers in this thread`,
    'entries/s': Math.round(total / seconds),
    'CPU µs for an entry, both followers and the leader': Number(((user + system) / total).toFixed(1)),
  });
  await Promise.all([leader, ...followers].map((one) => one.close()));
}

await flood(1, 64, 30_000);
await flood(batch, 8, 200_000);
await rm(directory, { recursive: true, force: true });
console.table(rows);
release();
