/** Agents whose connections go another way. */
import type { Agent } from 'node:http';
import type { LookupFunction, Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import type { Dial } from './dials.ts';

interface Wanted extends Omit<ConnectionOptions, 'port' | 'lookup'> {
  readonly host: string;
  readonly port: number | string;
  readonly lookup?: LookupFunction | undefined;
}

/** @throws RegistryFailure, or the system's error */
async function open(wanted: Wanted, dial: Dial, timeoutMs: number, isSecure: boolean): Promise<Socket> {
  const { lookup, ...rest } = wanted;
  const port = Number(wanted.port);
  const socket = await dial({ host: wanted.host, port, lookup });
  if (!isSecure) return socket;
  return new Promise((resolve, reject) => {
    const secure = connectTls({ ...rest, port, socket });
    secure.setTimeout(timeoutMs, () => secure.destroy(new Error('no TLS connection in time')));
    secure.once('error', reject).once('secureConnect', () => {
      secure.setTimeout(0);
      secure.off('error', reject);
      resolve(secure);
    });
  });
}

/** Makes all connections of an agent go that way. */
export function dialled<A extends Agent>(agent: A, dial: Dial, timeoutMs: number): A {
  const isSecure = (agent as { protocol?: string }).protocol === 'https:';
  return Object.assign(agent, {
    createConnection: (wanted: Wanted, made: (error: unknown, socket?: Socket) => void): undefined => {
      open(wanted, dial, timeoutMs, isSecure).then((socket) => made(null, socket), made);
    },
  });
}
