import { connect } from 'node:net';
import type { Probe } from '@timonel/sdk/kube';
import {
  authority,
  connectionProblem,
  failure,
  portOf,
  success,
  type Attempt,
  type ProbeResult,
} from './probe-target.ts';

/** A port that takes connections is healthy. */
export function tcpProbe(socket: NonNullable<Probe['tcpSocket']>, { target, signal }: Attempt): Promise<ProbeResult> {
  const host = socket.host === undefined || socket.host === '' ? target.address : socket.host;
  const port = portOf(socket.port, target.container);
  const address = authority(host, port);
  return new Promise((resolve) => {
    const connection = connect({ host, port });
    const end = (result: ProbeResult): void => {
      signal.removeEventListener('abort', late);
      connection.destroy();
      resolve(result);
    };
    const late = (): void => end(failure(`dial tcp ${address}: i/o timeout`));
    signal.addEventListener('abort', late, { once: true });
    connection.once('error', (error) => end(failure(connectionProblem(error, address))));
    connection.once('connect', () => end(success));
  });
}
