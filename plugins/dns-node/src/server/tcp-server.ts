import { createServer, type Socket } from 'node:net';
import type { BoundServer, ServerOptions } from './udp-server.ts';

/** Connections that one server keeps; more are closed at once. */
const mostConnections = 200;
/** Without a whole query for so long, a connection ends. Source: RFC 7766, 6.2.3 (some seconds). */
const idleMs = 10_000;
/** Queries of one connection that may wait for their answers; then it is not read until they have come. */
const mostWaiting = 50;

/** DNS over TCP: RFC 7766. @throws the system's error, for example EADDRINUSE */
export async function listenTcp(address: string, port: number, options: ServerOptions): Promise<BoundServer> {
  const connections = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    if (!options.serves(socket.remoteAddress ?? '')) return void socket.destroy();
    connections.add(socket);
    socket.on('close', () => connections.delete(socket));
    serve(socket, options);
  });
  server.maxConnections = mostConnections;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: address, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', () => undefined);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : port,
    close: () => {
      server.close();
      for (const socket of connections) socket.destroy();
    },
  };
}

function serve(socket: Socket, { answerer }: ServerOptions): void {
  let received = Buffer.alloc(0);
  let waiting = 0;
  const write = (answer: Buffer): void => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(answer.length);
    if (!socket.destroyed) socket.write(Buffer.concat([length, answer]));
  };
  const take = (): void => {
    while (received.length >= 2 && waiting < mostWaiting) {
      const end = 2 + received.readUInt16BE(0);
      if (received.length < end) break;
      const message = received.subarray(2, end);
      received = received.subarray(end);
      const answer = answerer.answer(message, 'tcp');
      if (answer instanceof Promise) {
        waiting++;
        void answer.then((late) => {
          waiting--;
          write(late);
          take();
        });
      } else if (answer !== undefined) write(answer);
      else return void socket.destroy();
    }
    // What cannot be taken now must not pile up; nor must answers that the client does not read.
    if (waiting >= mostWaiting || socket.writableNeedDrain) socket.pause();
    else socket.resume();
  };
  socket.on('drain', take);
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    take();
  });
}
