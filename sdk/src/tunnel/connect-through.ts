import { request } from 'node:http';
import type { Socket } from 'node:net';
import { errorHeader, localAddressesHeader } from './headers.ts';

export interface ThroughOptions {
  /** Of the {@link TunnelServer}: a unix socket. */
  readonly socketPath: string;
  readonly host: string;
  readonly port: number;
  /** A name that leads to the machine itself is refused: `ERR_LOCAL_ADDRESS`, with the address as message. */
  readonly refuseLocal: boolean;
  readonly timeoutMs: number;
}

/** A connection as `connect()` would make it, with its errors. @throws Error with the system's code */
export function connectThrough({ socketPath, host, port, refuseLocal, timeoutMs }: ThroughOptions): Promise<Socket> {
  const path = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const headers = refuseLocal ? { [localAddressesHeader]: 'refuse' } : {};
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, method: 'CONNECT', path, headers, agent: false, timeout: timeoutMs });
    asking.once('timeout', () => asking.destroy(failure('ETIMEDOUT', `no connection to ${host}:${port}`)));
    asking.once('error', reject);
    asking.once('connect', (response, socket: Socket) => {
      socket.setTimeout(0);
      if (response.statusCode === 200) {
        resolve(socket);
        return;
      }
      socket.destroy();
      const [, code, text] = /^(\S+) (.*)$/.exec(String(response.headers[errorHeader] ?? '')) ?? [];
      reject(failure(code ?? 'ECONNREFUSED', text ?? `the tunnel answered ${response.statusCode ?? 0}`));
    });
    asking.end();
  });
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
