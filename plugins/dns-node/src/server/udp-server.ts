import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Answerer } from './answer-message.ts';

export interface ServerOptions {
  readonly answerer: Pick<Answerer, 'answer'>;
  /** Whether a client of this address gets answers. All others hear nothing. */
  readonly serves: (address: string) => boolean;
}

export interface BoundServer {
  readonly port: number;
  close(): void;
}

/** @throws the system's error, for example EADDRINUSE, EADDRNOTAVAIL or EACCES */
export async function listenUdp(address: string, port: number, options: ServerOptions): Promise<BoundServer> {
  // While one server replaces another, both are bound, and the newest gets what arrives.
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4', reuseAddr: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address, port, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  // Of single datagrams, for example that a client is gone.
  socket.on('error', () => undefined);
  socket.on('message', (message, { address: from, port: to }) => {
    if (!options.serves(from)) return;
    const answer = options.answerer.answer(message, 'udp');
    if (answer instanceof Promise) void answer.then((late) => send(socket, late, to, from));
    else if (answer !== undefined) send(socket, answer, to, from);
  });
  return { port: socket.address().port, close: () => closeOnce(socket) };
}

const closed = new WeakSet<Socket>();

function closeOnce(socket: Socket): void {
  if (closed.has(socket)) return;
  closed.add(socket);
  socket.close();
}

function send(socket: Socket, message: Buffer, port: number, address: string): void {
  if (!closed.has(socket)) socket.send(message, port, address, () => undefined);
}
