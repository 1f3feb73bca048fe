/** The process that loads a store of ours: `client.ts JSON`. Every client waits for its answer before it asks again. */
import { connect, type Socket } from 'node:net';
import { answerFailed, answerId, answerPayload, encodeRequest, frameReader, type OperationName } from './protocol.ts';

export interface LoadOptions {
  readonly port: number;
  readonly operation: OperationName;
  /** With `keys`, the beginning of the keys. */
  readonly key: string;
  /** Absent: all requests have the same key. */
  readonly keys?: number;
  readonly valueBytes: number;
  readonly connections: number;
  readonly clients: number;
  readonly requests: number;
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return socket;
}

async function load(options: LoadOptions): Promise<{ seconds: number; latencies: Float64Array }> {
  const { port, operation, key, keys, connections, clients, requests } = options;
  const value = Buffer.alloc(options.valueBytes, 'v');
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(port)));
  const latencies = new Float64Array(requests);
  const startedAt = new Float64Array(requests);
  let sent = 0;
  let answered = 0;
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    const ask = (out: Buffer[]): void => {
      if (sent === requests) return;
      startedAt[sent] = performance.now();
      const name = keys === undefined ? key : `${key}${sent % keys}`;
      out.push(encodeRequest(sent++, operation, name, value));
    };
    const flush = (socket: Socket, out: Buffer[]): void => {
      if (out.length > 0) socket.write(Buffer.concat(out));
    };
    for (const [at, socket] of sockets.entries()) {
      let out: Buffer[] = [];
      const read = frameReader((body) => {
        if (answerFailed(body)) reject(new Error(answerPayload(body).toString()));
        const id = answerId(body);
        latencies[id] = performance.now() - (startedAt[id] ?? 0);
        if (++answered === requests) resolve();
        ask(out);
      });
      socket.on('data', (chunk) => {
        out = [];
        read(chunk);
        flush(socket, out);
      });
      socket.on('error', reject);
      socket.on('close', () => reject(new Error('the server closed the connection')));
      for (let client = at; client < clients; client += connections) ask(out);
      flush(socket, out);
    }
  });
  const seconds = (performance.now() - began) / 1000;
  for (const socket of sockets) socket.destroy();
  return { seconds, latencies };
}

const cpu = process.cpuUsage();
const { seconds, latencies } = await load(JSON.parse(process.argv[2] ?? '{}') as LoadOptions);
const { user, system } = process.cpuUsage(cpu);
latencies.sort();
const at = (share: number): number => latencies[Math.ceil(share * latencies.length) - 1] ?? Number.NaN;
const clientCpu = (user + system) / 1e6 / seconds;
console.log(JSON.stringify({ seconds, p50Ms: at(0.5), p99Ms: at(0.99), clientCpu }));
