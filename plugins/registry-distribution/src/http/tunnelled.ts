/** Connections through the process outside of the node's network namespace. */
import type { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { errorCode, errorMessage } from '@timonel/sdk';
import { connectThrough } from '@timonel/sdk/tunnel';
import { isGuarded, refusal } from '../hosts/guarded-lookup.ts';

interface Wanted extends Omit<ConnectionOptions, 'port'> {
  readonly host: string;
  readonly port: number | string;
}

/** @throws RegistryFailure untrusted, or the system's error */
async function open(wanted: Wanted, socketPath: string, timeoutMs: number, isSecure: boolean): Promise<Socket> {
  const { host, port, lookup } = wanted;
  const options = { socketPath, host, port: Number(port), refuseLocal: isGuarded(lookup), timeoutMs };
  const socket = await connectThrough(options).catch((error: unknown) => {
    throw errorCode(error) === 'ERR_LOCAL_ADDRESS' ? refusal(host, errorMessage(error)) : error;
  });
  if (!isSecure) return socket;
  return new Promise((resolve, reject) => {
    const secure = connectTls({ ...wanted, port: Number(port), socket });
    secure.setTimeout(timeoutMs, () => secure.destroy(new Error('no TLS connection in time')));
    secure.once('error', reject).once('secureConnect', () => {
      secure.setTimeout(0);
      secure.off('error', reject);
      resolve(secure);
    });
  });
}

/** Makes all connections of an agent go that way. */
export function tunnelled<A extends Agent>(agent: A, socketPath: string, timeoutMs: number): A {
  const isSecure = (agent as { protocol?: string }).protocol === 'https:';
  return Object.assign(agent, {
    createConnection: (wanted: Wanted, made: (error: unknown, socket?: Socket) => void): undefined => {
      open(wanted, socketPath, timeoutMs, isSecure).then((socket) => made(null, socket), made);
    },
  });
}
