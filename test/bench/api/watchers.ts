/**
 * The process that watches and writes: `watchers.ts JSON`. Every write replaces a ConfigMap with one that holds the time; each
 * writer has a ConfigMap of its own and waits for its answer before it writes again.
 */
import { HttpConnection } from './http-connection.ts';
import { atMark, configMap, configMapsPath } from './objects.ts';
import type { LoadResult } from './client.ts';
import type { ServedAt } from './server.ts';

export interface WatchOptions {
  readonly server: ServedAt;
  readonly watchers: number;
  readonly updates: number;
  readonly writers: number;
  /** Begins the names of the ConfigMaps, which are made first. */
  readonly prefix: string;
}

const mark = Buffer.from(atMark);
const timeLength = 16;
const timeNow = (): string => performance.now().toFixed(3).padStart(timeLength, '0');

/** Calls `onTime` for the time of every event. */
function eventReader(onTime: (at: number) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (;;) {
      const found = bytes.indexOf(mark, from);
      if (found < 0) break;
      const end = found + mark.length + timeLength;
      if (end > bytes.length) {
        rest = bytes.subarray(found);
        return;
      }
      onTime(Number(bytes.toString('latin1', found + mark.length, end)));
      from = end;
    }
    // The mark may be cut by the end.
    rest = bytes.subarray(Math.max(from, bytes.length - mark.length + 1));
  };
}

const okHead = Buffer.from('HTTP/1.1 200');

async function openWatch(server: ServedAt, from: string, onTime: (at: number) => void): Promise<HttpConnection> {
  const connection = await HttpConnection.open(server);
  const read = eventReader(onTime);
  const path = `${configMapsPath}?watch=1&resourceVersion=${from}`;
  await new Promise<void>((resolve, reject) => {
    let isOpen = false;
    connection.stream(
      path,
      (chunk) => {
        if (isOpen) read(chunk);
        else if (!chunk.subarray(0, 12).equals(okHead)) reject(new Error(`a watch was refused: ${chunk.toString()}`));
        else {
          isOpen = true;
          resolve();
          read(chunk);
        }
      },
      (error) => {
        // A measurement without all its events is none.
        throw new Error('a watch ended', { cause: error });
      },
    );
  });
  return connection;
}

async function measure({ server, watchers, updates, writers, prefix }: WatchOptions): Promise<LoadResult> {
  const writing = await Promise.all(Array.from({ length: writers }, () => HttpConnection.open(server)));
  for (const [at, connection] of writing.entries()) {
    await connection.ask({ method: 'POST', path: configMapsPath, body: configMap(`${prefix}${at}`, timeNow()) });
  }
  const from = writing.at(-1)?.seenVersion ?? '';
  const delays = new Float64Array(watchers * updates);
  let seen = 0;
  let done: () => void = () => undefined;
  const delivered = new Promise<void>((resolve) => (done = resolve));
  let began = Number.POSITIVE_INFINITY;
  const onTime = (at: number): void => {
    if (at < began) return;
    delays[seen] = performance.now() - at;
    seen += 1;
    if (seen === delays.length) done();
  };
  const watching = await Promise.all(Array.from({ length: watchers }, () => openWatch(server, from, onTime)));
  let sent = 0;
  const writer = async (connection: HttpConnection, name: string): Promise<void> => {
    while (sent++ < updates) {
      await connection.ask({ method: 'PUT', path: `${configMapsPath}/${name}`, body: configMap(name, timeNow()) });
    }
  };
  const cpu = process.cpuUsage();
  began = performance.now();
  await Promise.all([delivered, ...writing.map((connection, at) => writer(connection, `${prefix}${at}`))]);
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  for (const connection of [...watching, ...writing]) connection.close();
  delays.sort();
  const quantile = (share: number): number => delays[Math.ceil(share * delays.length) - 1] ?? Number.NaN;
  const clientCpu = (user + system) / 1e6 / seconds;
  return { seconds, p50Ms: quantile(0.5), p99Ms: quantile(0.99), bytes: 0, clientCpu };
}

console.log(JSON.stringify(await measure(JSON.parse(process.argv[2] ?? '{}') as WatchOptions)));
