/** Listeners that follow the rules: one for each service address, protocol and port. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import type { AddressLink } from './address-link.ts';
import { BackendPicker } from './backend-picker.ts';
import { TcpListener } from './tcp-listener.ts';
import { UdpListener } from './udp-listener.ts';

interface Wanted {
  readonly address: string;
  readonly port: number;
  readonly rule: ServicePortRule;
}

interface Open {
  readonly picker: BackendPicker;
  readonly listener: TcpListener | UdpListener;
}

/** Listeners at once. Services beyond that are not served, and the sync says so. */
const listenerLimit = 10_000;
const isIpv4 = (address: string): boolean => /^\d+(\.\d+){3}$/.test(address);

/** What should be listened on. A service without backends is not: the kernel then refuses connections at once. */
export function wantedListeners(rules: readonly ServicePortRule[]): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const rule of rules) {
    if (rule.backends.length === 0 || rule.protocol === 'SCTP') continue;
    const add = (address: string, port: number): void => {
      const key = `${rule.protocol} ${address}:${port}`;
      if (!wanted.has(key)) wanted.set(key, { address, port, rule });
    };
    for (const address of [...rule.clusterIPs, ...rule.externalIPs].filter(isIpv4)) add(address, rule.port);
    if (rule.nodePort !== undefined) add('0.0.0.0', rule.nodePort);
  }
  return wanted;
}

export class UserspaceDataPlane {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #link: AddressLink | undefined;
  readonly #open = new Map<string, Open>();

  constructor(env: Env, log: Logger, link: AddressLink | undefined) {
    this.#env = env;
    this.#log = log;
    this.#link = link;
  }

  async open(): Promise<void> {
    await this.#link?.open();
  }

  /** @throws Error when some listeners could not be opened; the others serve. */
  async apply(rules: readonly ServicePortRule[]): Promise<void> {
    const wanted = wantedListeners(rules);
    const clusterAddresses = new Set(rules.flatMap((rule) => [...rule.clusterIPs, ...rule.externalIPs]).filter(isIpv4));
    await this.#link?.set(clusterAddresses);
    for (const [key, open] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      if (open.listener instanceof TcpListener) open.listener.close();
      else open.listener.destroy();
    }
    const failures: string[] = [];
    for (const [key, want] of wanted) {
      const failure = await this.#ensure(key, want);
      if (failure !== undefined) failures.push(failure);
    }
    if (failures.length > 0) {
      throw new Error(`${failures.length} service addresses cannot be served: ${failures.slice(0, 3).join('; ')}`);
    }
  }

  async #ensure(key: string, { address, port, rule }: Wanted): Promise<string | undefined> {
    const known = this.#open.get(key);
    if (known !== undefined) {
      const changed = known.picker.update(rule.backends, rule.affinitySeconds);
      if (changed && known.listener instanceof UdpListener) known.listener.reset();
      return undefined;
    }
    if (this.#open.size >= listenerLimit) return `${key}: more than ${listenerLimit} listeners`;
    const picker = new BackendPicker(this.#env);
    picker.update(rule.backends, rule.affinitySeconds);
    const listener = rule.protocol === 'UDP' ? new UdpListener(this.#env, picker) : new TcpListener(picker);
    try {
      await listener.listen(address, port);
      this.#open.set(key, { picker, listener });
      return undefined;
    } catch (error) {
      listener.destroy();
      this.#log.debug({ key, error: errorMessage(error) }, 'a service address cannot be taken');
      return `${key}: ${errorMessage(error)}`;
    }
  }

  /** Ends everything, running connections too. */
  async close(): Promise<void> {
    for (const { listener } of this.#open.values()) listener.destroy();
    this.#open.clear();
    await this.#link?.close();
  }
}
