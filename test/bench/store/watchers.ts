/**
 * The process that watches and writes: `watchers.ts JSON`. Every value holds the time of its put. Both kinds of server get
 * the same number of watches on one connection, and puts with the same number in flight on another.
 */
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { encodeFrame } from '../../../plugins/store-etcd/src/wire/frames.ts';
import { decodeWatch, methods } from '../../../plugins/store-etcd/src/wire/messages.ts';
import { FrameReader } from '../../../plugins/store-etcd/src/wire/frames.ts';
import { MessageWriter } from '../../../plugins/store-etcd/src/wire/protobuf.ts';
import { OurConnection } from './our-connection.ts';
import type { LoadResult, Watching } from './store-group.ts';

interface WatchOptions extends Watching {
  readonly etcd?: string;
  readonly port?: number;
}

/** One server as the measurement sees it. */
interface Subject {
  watch(onReady: () => void, onValue: (value: Buffer) => void): void;
  put(value: Buffer): Promise<void>;
  close(): void;
}

const key = 'watch/key';

async function ours(port: number): Promise<Subject> {
  const watching = await OurConnection.open(port);
  const writing = await OurConnection.open(port);
  return {
    watch: (onReady, onValue) => void watching.watch(key, onValue).then(onReady),
    put: (value) => writing.put(key, value),
    close() {
      watching.close();
      writing.close();
    },
  };
}

const headers = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers' };

function etcd(endpoint: string): Subject {
  const watching: ClientHttp2Session = connectHttp2(endpoint, { settings: { initialWindowSize: 1 << 24 } });
  watching.once('connect', () => watching.setLocalWindowSize(1 << 24));
  const writing = connectHttp2(endpoint);
  // All watches share one stream, as etcd's own client does it.
  const stream = watching.request({ ...headers, ':path': methods.watch });
  const frames = new FrameReader(1 << 28);
  const handlers: { onReady: () => void; onValue: (value: Buffer) => void }[] = [];
  let created = 0;
  stream.on('data', (chunk: Buffer) => {
    frames.push(chunk);
    for (let message = frames.take(); message !== undefined; message = frames.take()) {
      const { events } = decodeWatch(message);
      // The first answers of the stream say that the watches exist.
      if (events.length === 0) handlers[created++]?.onReady();
      for (const event of events) handlers[0]?.onValue(event.kv.value);
    }
  });
  return {
    watch(onReady, onValue) {
      handlers.push({ onReady, onValue });
      const create = new MessageWriter().bytes(1, Buffer.from(key));
      stream.write(encodeFrame(new MessageWriter().message(1, create).finish()));
    },
    put: (value) =>
      new Promise((resolve, reject) => {
        const call = writing.request({ ...headers, ':path': '/etcdserverpb.KV/Put' });
        call.on('data', () => undefined);
        call.on('close', resolve);
        call.on('error', reject);
        call.end(encodeFrame(new MessageWriter().bytes(1, Buffer.from(key)).bytes(2, value).finish()));
      }),
    close() {
      watching.destroy();
      writing.destroy();
    },
  };
}

async function measure(options: WatchOptions): Promise<LoadResult> {
  const subject = options.etcd === undefined ? await ours(options.port ?? 0) : etcd(options.etcd);
  const delays: number[] = [];
  const wanted = options.watchers * options.updates;
  let done: () => void = () => undefined;
  const delivered = new Promise<void>((resolve) => (done = resolve));
  const onValue = (value: Buffer): void => {
    delays.push(performance.now() - value.readDoubleBE(0));
    if (delays.length === wanted) done();
  };
  await Promise.all(
    Array.from({ length: options.watchers }, () => new Promise<void>((resolve) => subject.watch(resolve, onValue))),
  );
  const began = performance.now();
  let sent = 0;
  const writer = async (): Promise<void> => {
    while (sent++ < options.updates) {
      const value = Buffer.alloc(options.valueBytes);
      value.writeDoubleBE(performance.now(), 0);
      await subject.put(value);
    }
  };
  await Promise.all([delivered, ...Array.from({ length: options.inFlight }, writer)]);
  const seconds = (performance.now() - began) / 1000;
  subject.close();
  delays.sort((a, b) => a - b);
  const at = (share: number): number => delays[Math.ceil(share * delays.length) - 1] ?? Number.NaN;
  return { seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}

console.log(JSON.stringify(await measure(JSON.parse(process.argv[2] ?? '{}') as WatchOptions)));
