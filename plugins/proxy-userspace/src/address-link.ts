import { createHash } from 'node:crypto';
import { makeIdleLink, mustRun, run } from '@timonel/sdk/command';

/**
 * A link without traffic that carries the service addresses, so that the node answers for them and a listener can take them. Its name
 * comes from the data directory, so that clusters on one machine stay apart.
 */
export class AddressLink {
  readonly name: string;
  readonly #addresses = new Set<string>();
  #made = false;

  constructor(dataDir: string) {
    this.name = `ts${createHash('sha256').update(dataDir).digest('hex').slice(0, 8)}`;
  }

  /** @throws CommandError */
  async open(): Promise<void> {
    // One that a killed process left behind holds addresses that nobody serves: it is replaced.
    await makeIdleLink(this.name);
    this.#made = true;
  }

  /** Makes the link's addresses equal to `wanted`. */
  async set(wanted: ReadonlySet<string>): Promise<void> {
    const remove = [...this.#addresses].filter((address) => !wanted.has(address));
    const add = [...wanted].filter((address) => !this.#addresses.has(address));
    const lines = [
      ...remove.map((address) => `address delete ${address}/32 dev ${this.name}`),
      ...add.map((address) => `address replace ${address}/32 dev ${this.name}`),
    ];
    if (lines.length === 0) return;
    await mustRun('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    for (const address of remove) this.#addresses.delete(address);
    for (const address of add) this.#addresses.add(address);
  }

  async close(): Promise<void> {
    if (this.#made) await run('ip', ['link', 'delete', this.name]);
    this.#made = false;
    this.#addresses.clear();
  }
}
