import type { Duplex } from 'node:stream';
import { RuntimeError, type SandboxStatus } from '@timonel/sdk/contracts/runtime';
import { dialSandbox, type Dialler } from '@timonel/sdk/linux';
import { helper, helperText } from './helper.ts';

/** Connections into sandboxes: each would keep its network namespace, so they end with it. */
export class Connections {
  readonly #open = new Map<string, Set<Duplex>>();

  /** @throws RuntimeError DialError */
  async dial(sandboxId: string, status: () => SandboxStatus | undefined, port: number): Promise<Duplex> {
    const refused = new RuntimeError('DialError', `sandbox ${sandboxId} is not ready`);
    const before = status();
    if (before?.state !== 'ready') throw refused;
    const connection = await dialSandbox(before.networkNamespace, port, dialler);
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

const dialler: Dialler = {
  command: (networkNamespace, port) => [helper, 'dial', networkNamespace, String(port)],
  env: {},
  failure: (text, code, signal) => new Error(helperText(text) || `ended with ${signal ?? `code ${code}`}`),
};
