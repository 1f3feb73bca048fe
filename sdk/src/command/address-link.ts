import { isIPv6 } from 'node:net';
import { makeIdleLink, mustRun, run } from './index.ts';

/** Each takes some milliseconds; nearly always one is enough. */
const looksLimit = 100;

interface AddressRow {
  readonly addr_info?: readonly { readonly local?: string; readonly scope?: string }[];
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

  /** Makes the link's addresses equal to `wanted`, of both families. @throws CommandError: those of IPv4 may be there all the same */
  async set(wanted: ReadonlySet<string>): Promise<void> {
    const present = this.#addresses ?? (await this.#read());
    const remove = [...present].filter((address) => !wanted.has(address));
    const add = [...wanted].filter((address) => !present.has(address));
    // When a batch fails, a part of it may have been done.
    this.#addresses = undefined;
    // A machine may refuse to have IPv6.
    for (const hasFamily of [(address: string) => !isIPv6(address), isIPv6]) {
      const lines = [
        ...remove.filter(hasFamily).map((address) => `address delete ${this.#place(address)}`),
        ...add.filter(hasFamily).map((address) => `address replace ${this.#place(address)}`),
      ];
      if (lines.length > 0) await mustRun('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    }
    await this.#untilLocal(add.filter(isIPv6));
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

  /**
   * The kernel makes an address of IPv6 one of the machine itself some time after it was added. A connection of the machine that begins before
   * then is lost: it goes by the link, into the void, and keeps to that.
   */
  async #untilLocal(addresses: readonly string[]): Promise<void> {
    let missing = addresses;
    for (let looks = 0; missing.length > 0 && looks < looksLimit; looks++) {
      const text = await mustRun('ip', ['-json', '-6', 'route', 'show', 'table', 'local']);
      const local = new Set((JSON.parse(text) as readonly { readonly dst?: string }[]).map(({ dst }) => dst));
      missing = missing.filter((address) => !local.has(address));
    }
  }

  // Nobody else can have the address on such a link: looking for others only takes time.
  #place(address: string): string {
    return isIPv6(address) ? `${address}/128 dev ${this.name} nodad` : `${address}/32 dev ${this.name}`;
  }

  /** Makes the link anew when somebody deleted it. */
  async #read(): Promise<Set<string>> {
    const { status, stdout } = await run('ip', ['-json', 'address', 'show', 'dev', this.name]);
    if (status !== 0) {
      await makeIdleLink(this.name);
      return new Set();
    }
    const rows = JSON.parse(stdout === '' ? '[]' : stdout) as readonly AddressRow[];
    return new Set(
      rows
        .flatMap((row) => row.addr_info ?? [])
        .flatMap(({ local, scope }) => (local === undefined || scope === 'link' ? [] : [local])),
    );
  }
}
