/** The process that serves a store of ours to the benchmark: `server.ts PLUGIN DATA_DIR`. Prints its port. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createRealEnv } from '@timonel/core/env';
import type { AnyPlugin, Logger } from '@timonel/sdk';
import type { KeyValue, Store } from '@timonel/sdk/contracts/store';
import { encodeAnswer, frameReader, operations } from './protocol.ts';

const log: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (...line: unknown[]) => console.error(...line),
  error: (...line: unknown[]) => console.error(...line),
  child: () => log,
};

async function openStore(name: string, dataDir: string): Promise<Store> {
  const { default: plugin } = (await import(`@timonel/plugin-${name}`)) as { default: AnyPlugin };
  const parsed = await plugin.config?.['~standard'].validate({});
  const instance = await plugin.setup({
    name,
    deps: {},
    config: (parsed as { value: unknown } | undefined)?.value,
    log,
    env: createRealEnv(),
    signal: new AbortController().signal,
    dataDir,
    hooks: {},
    tap: () => undefined,
    dispose: () => undefined,
    reportFault: (error) => {
      throw error;
    },
  });
  return (instance as { provides: { store: Store } }).provides.store;
}

const nothing = Buffer.alloc(0);

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

async function answer(store: Store, operation: number, key: string, value: Buffer): Promise<Uint8Array> {
  switch (operation) {
    case operations.put:
      await store.txn({ compare: [], success: [{ op: 'put', key, value }] });
      return nothing;
    case operations.get:
      return (await store.get(key)).kv?.value ?? nothing;
    case operations.getSerializable:
      return (await store.get(key, { serializable: true })).kv?.value ?? nothing;
    case operations.range: {
      const { kvs } = await store.range({ prefix: key });
      return encodeRange(kvs);
    }
    default:
      throw new Error(`there is no operation ${operation}`);
  }
}

function serve(store: Store, socket: Socket): void {
  let out: Buffer[] = [];
  const send = (id: number, payload: Uint8Array): void => {
    if (out.length === 0) {
      setImmediate(() => {
        const all = out;
        out = [];
        socket.write(all.length === 1 ? (all[0] ?? nothing) : Buffer.concat(all));
      });
    }
    out.push(encodeAnswer(id, payload));
  };
  const watch = async (id: number, prefix: string): Promise<void> => {
    const watcher = store.watch({ prefix, fromRevision: 0 });
    socket.once('close', () => watcher.close());
    send(id, nothing);
    for await (const batch of watcher) for (const event of batch.events) send(id, event.kv.value);
  };
  const fail = (error: unknown): void => {
    console.error(error);
    socket.destroy();
  };
  socket.setNoDelay(true);
  socket.setMaxListeners(0);
  socket.on('error', () => undefined);
  const onFrame = (body: Buffer): void => {
    const id = body.readUInt32BE(0);
    const operation = body[4] ?? 0;
    const end = 7 + body.readUInt16BE(5);
    const key = body.toString('utf8', 7, end);
    if (operation === operations.watch) watch(id, key).catch(fail);
    // A copy: the store keeps the value, and must not keep the chunk with it.
    else answer(store, operation, key, Buffer.from(body.subarray(end))).then((payload) => send(id, payload), fail);
  };
  socket.on('data', frameReader(onFrame));
}

const [name = '', dataDir = '', rangeKeys = '0', rangePrefix = ''] = process.argv.slice(2);
const store = await openStore(name, dataDir);
for (let at = 0; at < Number(rangeKeys); at++) {
  const key = `${rangePrefix}${String(at).padStart(4, '0')}`;
  await store.txn({ compare: [], success: [{ op: 'put', key, value: Buffer.alloc(256, 'v') }] });
}
const server = createServer((socket) => serve(store, socket));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log((server.address() as AddressInfo).port);
