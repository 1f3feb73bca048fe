import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import {
  formatIpv4,
  AddressPool,
  NetworkError,
  parseIpv4,
  parseIpv4Range,
  unsupportedOf,
  type Attachment,
  type AttachRequest,
  type NodeNetwork,
  type PodNetwork,
} from '@timonel/sdk/contracts/network';
import { readFileIfThere } from '@timonel/sdk/files';

const fileSchema = z.strictObject({ version: z.literal(1), addresses: z.record(z.string(), z.ipv4()) });

/**
 * Addresses of 127.0.0.0/8, all of which the kernel gives to the loopback link: no link, no right and no namespace is
 * needed. Programs that listen on their pod's address do not get in each other's way; nothing isolates them.
 */
export class LoopbackNetwork implements PodNetwork {
  readonly #podCidr: string;
  readonly #path: string;
  readonly #pool: AddressPool;
  readonly #addresses: Map<string, string> = new Map();
  #saving: Promise<void> = Promise.resolve();

  constructor(dataDir: string, podCidr: string) {
    const range = parseIpv4Range(podCidr);
    if (range === undefined) throw new NetworkError('COMMAND_FAILED', `podCidr ${podCidr} is not an IPv4 range`);
    this.#podCidr = podCidr;
    this.#path = join(dataDir, 'addresses.json');
    this.#pool = new AddressPool(range.first + 1, range.last - 1);
  }

  async start(): Promise<void> {
    const text = await readFileIfThere(this.#path);
    if (text === undefined) return;
    for (const [sandboxId, address] of Object.entries(this.#parse(text))) {
      // After a change of podCidr the pod gets another address when it is attached again.
      if (this.#pool.reserve(parseIpv4(address) ?? -1)) this.#addresses.set(sandboxId, address);
    }
  }

  async nodeNetwork(): Promise<NodeNetwork> {
    return { podCidr: this.#podCidr, nodeAddress: '127.0.0.1' };
  }

  async attach(request: AttachRequest): Promise<Attachment> {
    const { sandboxId } = request;
    const known = this.#addresses.get(sandboxId);
    if (known !== undefined) return this.#attachment(sandboxId, known);
    const taken = this.#pool.take();
    if (taken === undefined) {
      throw new NetworkError('ADDRESSES_EXHAUSTED', `all addresses of podCidr ${this.#podCidr} are in use`);
    }
    const address = formatIpv4(taken);
    this.#addresses.set(sandboxId, address);
    await this.#save();
    const warnings = unsupportedOf(request, 'its pods share the network of the node');
    return { ...this.#attachment(sandboxId, address), ...(warnings.length === 0 ? {} : { warnings }) };
  }

  async detach(sandboxId: string): Promise<void> {
    const address = this.#addresses.get(sandboxId);
    if (address === undefined) return;
    this.#addresses.delete(sandboxId);
    this.#pool.free(parseIpv4(address) ?? -1);
    await this.#save();
  }

  async list(): Promise<readonly Attachment[]> {
    return [...this.#addresses].map(([sandboxId, address]) => this.#attachment(sandboxId, address));
  }

  async retain(sandboxIds: readonly string[]): Promise<number> {
    const keep = new Set(sandboxIds);
    const drop = [...this.#addresses.keys()].filter((id) => !keep.has(id));
    await Promise.all(drop.map((id) => this.detach(id)));
    return drop.length;
  }

  #attachment(sandboxId: string, address: string): Attachment {
    return { sandboxId, addresses: [address], interfaceName: 'lo', gateway: undefined };
  }

  #parse(text: string): Readonly<Record<string, string>> {
    try {
      return fileSchema.parse(JSON.parse(text)).addresses;
    } catch (cause) {
      throw new Error(
        `the file of pod addresses ${this.#path} is damaged; nothing was changed. Stop all pods of this node and remove the file`,
        { cause },
      );
    }
  }

  // Renamed, but not synced: it has to survive this process, not the machine, as the pods do.
  #save(): Promise<void> {
    const turn = this.#saving.then(() => this.#write());
    this.#saving = turn.catch(() => undefined);
    return turn;
  }

  async #write(): Promise<void> {
    const beside = `${this.#path}.new`;
    const content = { version: 1, addresses: Object.fromEntries(this.#addresses) };
    await writeFile(beside, JSON.stringify(content), { mode: 0o600 });
    await rename(beside, this.#path);
  }
}
