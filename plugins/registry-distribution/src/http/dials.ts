/** Ways to a host other than a connection of this process: through the process outside of its network namespace, through a proxy. */
import { request } from 'node:http';
import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net';
import { errorCode, errorMessage } from '@timonel/sdk';
import { connectThrough } from '@timonel/sdk/tunnel';
import { connectionProblem, RegistryFailure, shown } from '../failure.ts';
import { isGuarded, refusal } from '../hosts/guarded-lookup.ts';
import { proxyHeaders } from '../hosts/proxies.ts';

export interface DialTarget {
  readonly host: string;
  readonly port: number;
  readonly lookup?: LookupFunction | undefined;
}

/** @throws RegistryFailure, or the system's error */
export type Dial = (target: DialTarget) => Promise<Socket>;

/** By HTTP's CONNECT on a unix socket. */
export function throughSocket(socketPath: string, timeoutMs: number): Dial {
  return ({ host, port, lookup }) =>
    connectThrough({ socketPath, host, port, refuseLocal: isGuarded(lookup), timeoutMs }).catch((error: unknown) => {
      throw errorCode(error) === 'ERR_LOCAL_ADDRESS' ? refusal(host, errorMessage(error)) : error;
    });
}

/** By HTTP's CONNECT. Names are looked up by the proxy. */
export function throughProxy(proxy: URL, timeoutMs: number, dial: Dial = straight): Dial {
  const at = { host: proxy.hostname.replace(/^\[|\]$/g, ''), port: proxy.port === '' ? 80 : Number(proxy.port) };
  return async ({ host, port }) => {
    const connected = await dial(at).catch((error: unknown) => {
      throw noWay(proxy, `no connection to the proxy ${proxy.host}: ${connectionProblem(error)}`, error);
    });
    const path = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const headers = { host: path, ...proxyHeaders(proxy) };
    return new Promise((resolve, reject) => {
      const createConnection = (): Socket => connected;
      const asking = request({ method: 'CONNECT', path, headers, timeout: timeoutMs, createConnection });
      asking.once('timeout', () => asking.destroy(new Error('no answer in time')));
      asking.once('error', (error) => {
        connected.destroy();
        reject(noWay(proxy, `the proxy ${proxy.host} does not answer: ${connectionProblem(error)}`, error));
      });
      asking.once('connect', ({ statusCode = 0, statusMessage = '' }, socket: Socket, head: Buffer) => {
        socket.setTimeout(0);
        if (statusCode >= 200 && statusCode < 300) {
          if (head.length > 0) socket.unshift(head);
          resolve(socket);
          return;
        }
        socket.destroy();
        const what = `the proxy ${proxy.host} makes no connection to ${path} (${statusCode} ${shown(statusMessage)})`;
        reject(noWay(proxy, what.trim()));
      });
      asking.end();
    });
  };
}

const straight: Dial = ({ host, port }) =>
  new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port, noDelay: true });
    socket.once('error', reject).once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });

function noWay(proxy: URL, message: string, cause?: unknown): RegistryFailure {
  const credentials =
    proxy.username === '' ? ', and whether it wants a name and a password (http://USER:PASSWORD@HOST)' : '';
  const advice = `check HTTPS_PROXY or httpsProxy${credentials}, or name the registry in NO_PROXY or noProxy`;
  return new RegistryFailure('unreachable', message, { advice, ...(cause === undefined ? {} : { cause }) });
}
