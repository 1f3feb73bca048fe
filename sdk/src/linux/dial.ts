import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { checkPort, dialLocalhost, RuntimeError } from '../contracts/runtime/index.ts';
import { errorMessage } from '../kernel/index.ts';

/** How a runtime makes a connection in another network namespace: a program that makes the socket there and sends it over its IPC channel. */
export interface Dialler {
  /** Program and arguments, for the path of a network namespace. */
  command(networkNamespace: string, port: number): readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string>>;
  /** The error of what the program printed, and how it ended. */
  failure(text: string, code: number | null, signal: string | null): Error;
}

/** A rule of the pod's own firewall may let nothing through, and say nothing. */
const limitMs = 10_000;
const textLimit = 4096;

/** A TCP connection to a port of localhost in a network namespace, or of this host. @throws RuntimeError DialError */
export async function dialSandbox(
  networkNamespace: string | undefined,
  port: number,
  dialler: Dialler,
): Promise<Socket> {
  checkPort(port);
  try {
    const socket = await (networkNamespace === undefined
      ? dialLocalhost(port)
      : dialIn(networkNamespace, port, dialler));
    socket.on('error', () => undefined); // whoever reads learns it by `close`; a listener of its own hears it too
    return socket;
  } catch (error) {
    throw new RuntimeError('DialError', errorMessage(error), { cause: error });
  }
}

/** A socket belongs to the namespace in which it was made. */
function dialIn(networkNamespace: string, port: number, dialler: Dialler): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let text = '';
    let socket: Socket | undefined;
    const [program, ...args] = dialler.command(networkNamespace, port);
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: dialler.env,
      cwd: '/',
      timeout: limitMs,
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      if (text.length < textLimit) text += chunk;
    });
    child.once('message', (_message, handle) => {
      socket = handle as Socket;
      socket.allowHalfOpen = true; // before anything is read: the other direction outlives the end of this one
      resolve(socket);
    });
    child.once('error', (error) => reject(new Error(`${program} cannot be run: ${error.message}`, { cause: error })));
    child.once('close', (code, signal) => {
      if (socket !== undefined) return;
      const late = new Error(`no connection to port ${port} within ${limitMs / 1000} s`);
      reject(child.killed ? late : dialler.failure(text, code, signal));
    });
  });
}
