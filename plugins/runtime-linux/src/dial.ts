import type { Socket } from 'node:net';
import { dialSandbox } from '@timonel/sdk/linux';
import { parseFailure } from './monitor-binary.ts';

/** A connection to a port of localhost in a network namespace, or of this host. @throws RuntimeError DialError */
export function dial(networkNamespace: string | undefined, port: number, monitor: string): Promise<Socket> {
  return dialSandbox(networkNamespace, port, {
    command: (namespace) => [monitor, 'dial', namespace, String(port)],
    env: {},
    failure: parseFailure,
  });
}
