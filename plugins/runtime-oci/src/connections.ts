import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorMessage } from '@timonel/sdk';
import { checkPort, dialLocalhost, RuntimeError, type SandboxStatus } from '@timonel/sdk/contracts/runtime';
import { helper, helperText } from './helper.ts';

/** Connections into sandboxes: each would keep its network namespace, so they end with it. */
export class Connections {
  readonly #open = new Map<string, Set<Duplex>>();

  /** @throws RuntimeError DialError */
  async dial(sandboxId: string, status: () => SandboxStatus | undefined, port: number): Promise<Duplex> {
    const refused = new RuntimeError('DialError', `sandbox ${sandboxId} is not ready`);
    const before = status();
    if (before?.state !== 'ready') throw refused;
    const connection = await connect(before.networkNamespace, port);
    if (status()?.state !== 'ready') {
      connection.destroy();
      throw refused;
    }
    const known = this.#open.get(sandboxId) ?? new Set();
    this.#open.set(sandboxId, known.add(connection));
    connection.once('close', () => {
      known.delete(connection);
      if (known.size === 0) this.#open.delete(sandboxId);
    });
    return connection;
  }

  closeAll(sandboxId: string): void {
    for (const connection of this.#open.get(sandboxId) ?? []) connection.destroy();
  }
}

async function connect(networkNamespace: string | undefined, port: number): Promise<Socket> {
  checkPort(port);
  try {
    const socket = await (networkNamespace === undefined ? dialLocalhost(port) : dialIn(networkNamespace, port));
    socket.on('error', () => undefined); // whoever reads learns it by `close`; a listener of its own hears it too
    return socket;
  } catch (error) {
    throw new RuntimeError('DialError', errorMessage(error), { cause: error });
  }
}

/** A socket belongs to the namespace in which it was made: the native side makes it there and hands it over. */
function dialIn(networkNamespace: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let text = '';
    let socket: Socket | undefined;
    const child = spawn(helper, ['dial', networkNamespace, String(port)], {
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
      if (socket === undefined) reject(new Error(helperText(text) || `ended with ${signal ?? `code ${code}`}`));
    });
  });
}
