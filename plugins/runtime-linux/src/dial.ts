import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { errorMessage } from '@timonel/sdk';
import { checkPort, dialLocalhost, RuntimeError } from '@timonel/sdk/contracts/runtime';
import { parseFailure } from './monitor-binary.ts';

/** A connection to a port of localhost in a network namespace, or of this host. @throws RuntimeError DialError */
export async function dial(networkNamespace: string | undefined, port: number, monitor: string): Promise<Socket> {
  checkPort(port);
  try {
    const socket = await (networkNamespace === undefined
      ? dialLocalhost(port)
      : dialIn(networkNamespace, port, monitor));
    socket.on('error', () => undefined); // whoever reads learns it by `close`; a listener of its own hears it too
    return socket;
  } catch (error) {
    throw new RuntimeError('DialError', errorMessage(error), { cause: error });
  }
}

/** A socket belongs to the namespace in which it was made: the native side makes it there and hands it over. */
function dialIn(networkNamespace: string, port: number, monitor: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let text = '';
    let socket: Socket | undefined;
    const child = spawn(monitor, ['dial', networkNamespace, String(port)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {},
      cwd: '/',
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < 4096) text += chunk;
    });
    child.once('message', (_message, handle) => {
      socket = handle as Socket;
      socket.allowHalfOpen = true; // before anything is read: the other direction outlives the end of this one
      resolve(socket);
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (socket === undefined) reject(parseFailure(text, code, signal));
    });
  });
}
