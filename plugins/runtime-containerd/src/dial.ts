import type { Socket } from 'node:net';
import { defaultPath } from '@timonel/sdk/command';
import { dialSandbox } from '@timonel/sdk/linux';

/**
 * A socket belongs to the network namespace in which it was made: a short-lived process makes it there and hands it over. containerd's
 * own forwarding does not carry the end of one direction.
 */
const program = `
const { connect } = require('node:net');
const port = Number(process.argv[1]);
const attempt = (host, failed) => {
  const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
  socket.once('error', failed);
  socket.once('connect', () => process.send('connected', socket, {}, () => process.exit(0)));
};
attempt('127.0.0.1', (error) => attempt('::1', () => {
  process.stderr.write(error.message);
  process.exitCode = 1;
  process.disconnect();
}));
`;

/** A connection to a port of localhost in a network namespace, or of this host. @throws RuntimeError DialError */
export function dial(networkNamespace: string | undefined, port: number): Promise<Socket> {
  return dialSandbox(networkNamespace, port, {
    command: (namespace) => ['nsenter', `--net=${namespace}`, '--', process.execPath, '-e', program, String(port)],
    env: { PATH: defaultPath() },
    failure: (text, code) => new Error(text.trim() || `nsenter ended with status ${code}`),
  });
}
