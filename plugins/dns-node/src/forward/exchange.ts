/** One question to one server. */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { flags, largestMessageBytes } from '../wire/constants.ts';
import { readRelayed, type Relayed } from './relayed.ts';

export interface Server {
  readonly address: string;
  readonly port: number;
}

export interface Exchange {
  readonly server: Server;
  /** The whole query, with an id that nobody can guess. */
  readonly message: Buffer;
  readonly question: Buffer;
  /** Ends it early, or in time. */
  readonly signal: AbortSignal;
}

/** By UDP, and by TCP when the answer does not fit. @throws the system's error; Error when `signal` ends it */
export async function exchange(asked: Exchange): Promise<Relayed> {
  const answer = await overUdp(asked);
  return (answer.message.readUInt16BE(2) & flags.TC) === 0 ? answer : overTcp(asked);
}

/** From a port of its own, so that who wants to forge an answer must guess that, too (RFC 5452). */
function overUdp({ server, message, question, signal }: Exchange): Promise<Relayed> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.address.split('%')[0] ?? '') ? 'udp6' : 'udp4');
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', aborted);
      socket.close();
      settle();
    };
    const aborted = (): void => end(() => reject(new Error(`${server.address} did not answer in time`)));
    signal.addEventListener('abort', aborted);
    socket.on('error', (error) => end(() => reject(error)));
    // Connected: the kernel lets nobody else's datagrams through, and tells when nobody listens there.
    socket.connect(server.port, server.address, () => socket.send(message));
    socket.on('message', (received) => {
      const relayed =
        received.length >= 2 && received.readUInt16BE(0) === message.readUInt16BE(0)
          ? readRelayed(received, question)
          : undefined;
      if (relayed !== undefined) end(() => resolve(relayed));
    });
    if (signal.aborted) aborted();
  });
}

function overTcp({ server, message, question, signal }: Exchange): Promise<Relayed> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.address, port: server.port });
    let received = Buffer.alloc(0);
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', aborted);
      socket.destroy();
      settle();
    };
    const aborted = (): void => end(() => reject(new Error(`${server.address} did not answer over TCP in time`)));
    signal.addEventListener('abort', aborted);
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
    socket.on('error', (error) => end(() => reject(error)));
    socket.on('close', () => end(() => reject(new Error(`${server.address} ended the connection`))));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      const wanted = received.length < 2 ? largestMessageBytes : received.readUInt16BE(0) + 2;
      if (received.length < wanted) return;
      const answer = received.subarray(2, wanted);
      const matches = answer.length >= 2 && answer.readUInt16BE(0) === message.readUInt16BE(0);
      const relayed = matches ? readRelayed(answer, question) : undefined;
      if (relayed === undefined) return end(() => reject(new Error(`${server.address} sent a malformed answer`)));
      end(() => resolve(relayed));
    });
    if (signal.aborted) aborted();
  });
}
