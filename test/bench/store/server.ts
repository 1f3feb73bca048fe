/** The process that serves a store of ours to the benchmark: `server.ts JSON`. Prints its port. Ends with its parent. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks';
import type { KeyValue, Store } from '@timonel/sdk/contracts/store';
import { openStore, type OpenedStore } from './open-store.ts';
import {
  encodeAnswer,
  filledKey,
  fillPuts,
  fillTxns,
  frameReader,
  operations,
  stallResolutionMs,
  type Fill,
  type MemberState,
  type ServerOptions,
} from './protocol.ts';

const nothing = Buffer.alloc(0);
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** Of each key its length (u16), the key, its revision (u48), the length of the value (u32), the value. */
function encodeRange(kvs: readonly KeyValue[]): Buffer {
  let size = 0;
  for (const { key, value } of kvs) size += 12 + Buffer.byteLength(key) + value.byteLength;
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const { key, value, modRevision } of kvs) {
    const keyBytes = bytes.write(key, at + 2);
    at = bytes.writeUInt16BE(keyBytes, at) + keyBytes;
    at = bytes.writeUIntBE(modRevision, at, 6);
    at = bytes.writeUInt32BE(value.byteLength, at);
    bytes.set(value, at);
    at += value.byteLength;
  }
  return bytes;
}

async function fill(store: Store, prefix: string, { count, valueBytes }: Fill): Promise<void> {
  const value = Buffer.alloc(valueBytes, 'v');
  let next = 0;
  const writer = async (): Promise<void> => {
    while (next < count) {
      const first = next;
      next = Math.min(count, first + fillPuts);
      const keys = Array.from({ length: next - first }, (_, at) => filledKey(prefix, first + at));
      await store.txn({ compare: [], success: keys.map((key) => ({ op: 'put', key, value })) });
    }
  };
  await Promise.all(Array.from({ length: fillTxns }, writer));
}

async function stateOf(store: Store): Promise<MemberState> {
  const { memberId, leaderId, members, revision, compactedRevision } = await store.status();
  return { memberId, leaderId, voters: members.filter(({ learner }) => !learner).length, revision, compactedRevision };
}

let delays: IntervalHistogram | undefined;

function longestStallMs(): number {
  const longest = delays === undefined ? 0 : delays.max / 1e6 - stallResolutionMs;
  delays ??= monitorEventLoopDelay({ resolution: stallResolutionMs });
  delays.enable();
  delays.reset();
  return Math.max(0, longest);
}

async function answer({ store, admin }: OpenedStore, operation: number, key: string, value: Buffer): Promise<Buffer> {
  switch (operation) {
    case operations.put:
      await store.txn({ compare: [], success: [{ op: 'put', key, value }] });
      return nothing;
    case operations.get:
      return bytesOf((await store.get(key)).kv);
    case operations.getSerializable:
      return bytesOf((await store.get(key, { serializable: true })).kv);
    case operations.range:
      return encodeRange((await store.range({ prefix: key })).kvs);
    case operations.fill:
      await fill(store, key, JSON.parse(value.toString()) as Fill);
      return nothing;
    case operations.status:
      return json(await stateOf(store));
    case operations.addMember:
      await admin?.addLearner(JSON.parse(value.toString()) as { id: string; name: string; peerUrl: string });
      return nothing;
    case operations.stall:
      return json(longestStallMs());
    default:
      throw new Error(`there is no operation ${operation}`);
  }
}

function bytesOf(kv: KeyValue | undefined): Buffer {
  return kv === undefined ? nothing : Buffer.from(kv.value.buffer, kv.value.byteOffset, kv.value.byteLength);
}

function serve(opened: OpenedStore, socket: Socket): void {
  let out: Buffer[] = [];
  const send = (id: number, payload: Uint8Array, failed = false): void => {
    if (out.length === 0) {
      // After all that has been resolved with it.
      process.nextTick(() => {
        const all = out;
        out = [];
        socket.write(all.length === 1 ? (all[0] ?? nothing) : Buffer.concat(all));
      });
    }
    out.push(encodeAnswer(id, payload, failed));
  };
  const fail = (id: number, error: unknown): void => send(id, Buffer.from(String(error)), true);
  const watch = async (id: number, prefix: string): Promise<void> => {
    const watcher = opened.store.watch({ prefix, fromRevision: 0 });
    socket.once('close', () => watcher.close());
    send(id, nothing);
    for await (const batch of watcher) for (const event of batch.events) send(id, event.kv.value);
  };
  socket.setNoDelay(true);
  socket.setMaxListeners(0);
  socket.on('error', () => undefined);
  const onFrame = (body: Buffer): void => {
    const id = body.readUInt32BE(0);
    const operation = body[4] ?? 0;
    const end = 7 + body.readUInt16BE(5);
    const key = body.toString('utf8', 7, end);
    const failed = (error: unknown): void => fail(id, error);
    if (operation === operations.watch) {
      watch(id, key).catch(failed);
      return;
    }
    // A copy: the store keeps the value, and must not keep the chunk with it.
    const value = Buffer.from(body.subarray(end));
    answer(opened, operation, key, value).then((payload) => send(id, payload), failed);
  };
  socket.on('data', frameReader(onFrame));
}

// The parent holds the other end.
process.stdin.on('end', () => process.exit(0)).resume();
const opened = await openStore(JSON.parse(process.argv[2] ?? '{}') as ServerOptions);
const server = createServer((socket) => serve(opened, socket));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log((server.address() as AddressInfo).port);
