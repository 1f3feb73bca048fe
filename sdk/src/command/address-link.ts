import { makeIdleLink, mustRun, run } from './index.ts';

interface AddressRow {
  readonly addr_info?: readonly { readonly local?: string }[];
}

/** A link without traffic that carries addresses, so that the node answers for them and a listener can take them. */
export class AddressLink {
  readonly name: string;
  /** Those the link has; undefined: not known, ask the system. */
  #addresses: Set<string> | undefined;
  #made = false;

  constructor(name: string) {
    this.name = name;
  }

  /** Takes a link of an earlier run as it is. */
  adopt(): void {
    this.#made = true;
    this.#addresses = undefined;
  }

  /** Begins without addresses. @throws CommandError */
  async open(): Promise<void> {
    this.#made = true;
    // One that a killed process left behind holds addresses that nobody serves: it is replaced.
    await makeIdleLink(this.name);
    this.#addresses = new Set();
  }

  /** Makes the link's addresses equal to `wanted`. */
  async set(wanted: ReadonlySet<string>): Promise<void> {
    const present = this.#addresses ?? (await this.#read());
    const remove = [...present].filter((address) => !wanted.has(address));
    const add = [...wanted].filter((address) => !present.has(address));
    const lines = [
      ...remove.map((address) => `address delete ${address}/32 dev ${this.name}`),
      ...add.map((address) => `address replace ${address}/32 dev ${this.name}`),
    ];
    // When the batch fails, a part of it may have been done.
    this.#addresses = undefined;
    if (lines.length > 0) await mustRun('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    this.#addresses = new Set(wanted);
  }

  /** Makes the next {@link set} look at what the link really has. */
  forget(): void {
    this.#addresses = undefined;
  }

  async close(): Promise<void> {
    if (this.#made) await run('ip', ['link', 'delete', this.name]);
    this.#made = false;
    this.#addresses = undefined;
  }

  /** Makes the link anew when somebody deleted it. */
  async #read(): Promise<Set<string>> {
    const { status, stdout } = await run('ip', ['-json', '-4', 'address', 'show', 'dev', this.name]);
    if (status !== 0) {
      await makeIdleLink(this.name);
      return new Set();
    }
    const rows = JSON.parse(stdout === '' ? '[]' : stdout) as readonly AddressRow[];
    return new Set(
      rows.flatMap((row) => row.addr_info ?? []).flatMap(({ local }) => (local === undefined ? [] : [local])),
    );
  }
}
