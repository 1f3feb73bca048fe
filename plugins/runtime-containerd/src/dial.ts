import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { errorMessage } from '@timonel/sdk';
import { defaultPath } from '@timonel/sdk/command';
import { checkPort, dialLocalhost, RuntimeError } from '@timonel/sdk/contracts/runtime';

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

const answerLimit = 4096;
/** A rule of the pod's own firewall may let nothing through, and say nothing. */
const limitMs = 10_000;

/** A connection to a port of localhost in a network namespace, or of this host. @throws RuntimeError DialError */
export async function dial(networkNamespace: string | undefined, port: number): Promise<Socket> {
  checkPort(port);
  try {
    const socket = await (networkNamespace === undefined ? dialLocalhost(port) : dialIn(networkNamespace, port));
    socket.on('error', () => undefined); // whoever reads learns it by `close`; a listener of its own hears it too
    return socket;
  } catch (error) {
    throw new RuntimeError('DialError', errorMessage(error), { cause: error });
  }
}

function dialIn(networkNamespace: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let text = '';
    let socket: Socket | undefined;
    const args = [`--net=${networkNamespace}`, '--', process.execPath, '-e', program, String(port)];
    const child = spawn('nsenter', args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { PATH: defaultPath() },
      cwd: '/',
      timeout: limitMs,
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < answerLimit) text += chunk;
    });
    child.once('message', (_message, handle) => {
      socket = handle as Socket;
      socket.allowHalfOpen = true; // before anything is read: the other direction outlives the end of this one
      resolve(socket);
    });
    child.once('error', (error) => reject(new Error(`nsenter cannot be run: ${error.message}`, { cause: error })));
    child.once('close', (code) => {
      if (socket === undefined)
        reject(
          new Error(
            text === ''
              ? `no connection to port ${port} within ${limitMs / 1000} s, or nsenter ended with status ${code}`
              : text.trim(),
          ),
        );
    });
  });
}
