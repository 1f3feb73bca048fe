/** The process that loads a store of ours: `client.ts JSON`. Every client waits for its answer before it asks again. */
import { connect, type Socket } from 'node:net';
import { encodeRequest, frameReader, type OperationName } from './protocol.ts';

export interface LoadOptions {
  readonly port: number;
  readonly operation: OperationName;
  readonly key: string;
  readonly valueBytes: number;
  readonly connections: number;
  readonly clients: number;
  readonly requests: number;
}

async function load(options: LoadOptions): Promise<{ seconds: number; latenciesMs: number[] }> {
  const { port, operation, key, connections, clients, requests } = options;
  const value = Buffer.alloc(options.valueBytes, 'v');
  const sockets = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.setNoDelay(true);
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
      return socket;
    }),
  );
  const latencies = new Float64Array(requests);
  const startedAt = new Float64Array(requests);
  let sent = 0;
  let answered = 0;
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    const ask = (out: Buffer[]): void => {
      if (sent === requests) return;
      startedAt[sent] = performance.now();
      out.push(encodeRequest(sent++, operation, key, value));
    };
    const flush = (socket: Socket, out: Buffer[]): void => {
      if (out.length > 0) socket.write(Buffer.concat(out));
    };
    for (const [at, socket] of sockets.entries()) {
      let out: Buffer[] = [];
      const read = frameReader((body) => {
        const id = body.readUInt32BE(0);
        latencies[id] = performance.now() - (startedAt[id] ?? 0);
        if (++answered === requests) resolve();
        ask(out);
      });
      socket.on('data', (chunk) => {
        out = [];
        read(chunk);
        flush(socket, out);
      });
      socket.on('close', () => reject(new Error('the server closed the connection')));
      for (let client = at; client < clients; client += connections) ask(out);
      flush(socket, out);
    }
  });
  const seconds = (performance.now() - began) / 1000;
  for (const socket of sockets) socket.destroy();
  return { seconds, latenciesMs: [...latencies] };
}

if (process.argv[2] !== undefined) {
  const { seconds, latenciesMs } = await load(JSON.parse(process.argv[2]) as LoadOptions);
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number => latenciesMs[Math.ceil(share * latenciesMs.length) - 1] ?? Number.NaN;
  console.log(JSON.stringify({ seconds, p50Ms: at(0.5), p99Ms: at(0.99) }));
}
