/** Listeners that follow the rules: one for each service address, protocol and port. */
import { isIPv4 } from 'node:net';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { AddressLink } from '@timonel/sdk/command';
import type { Backend, ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { ClientPicker, type Choice } from './client-picker.ts';
import { ClusterClients } from './cluster-clients.ts';
import { TcpListener } from './tcp-listener.ts';
import { UdpListener } from './udp-listener.ts';

interface Wanted extends Choice {
  readonly address: string;
  readonly port: number;
  readonly protocol: ServicePortRule['protocol'];
}

interface Open {
  readonly address: string;
  readonly picker: ClientPicker;
  readonly listener: TcpListener | UdpListener;
}

/** Listeners at once. Services beyond that are not served, and the sync says so. */
const listenerLimit = 10_000;
const anyAddress = '0.0.0.0';

/**
 * What should be listened on. `knowsClients`: it is known which clients are of the cluster. A service without backends is not: the kernel then refuses
 * connections at once.
 */
export function wantedListeners(rules: readonly ServicePortRule[], knowsClients: boolean): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const rule of rules) {
    const { protocol, affinitySeconds } = rule;
    if (protocol === 'SCTP') continue;
    const add = (address: string, port: number, backends: readonly Backend[], outside?: readonly Backend[]): void => {
      const key = `${protocol} ${address}:${port}`;
      if (!isIPv4(address) || wanted.has(key) || backends.length + (outside?.length ?? 0) === 0) return;
      const sources = sourcesOf(rule, address);
      wanted.set(key, { address, port, protocol, backends, outside, affinitySeconds, sources });
    };
    const strangers = rule.insideOnly === true && knowsClients ? [] : undefined;
    for (const address of rule.clusterIPs) add(address, rule.port, rule.backends, strangers);
    const external = rule.externalBackends ?? rule.backends;
    for (const address of rule.externalIPs) add(address, rule.port, external, rule.outsideBackends);
    if (rule.nodePort !== undefined) add(anyAddress, rule.nodePort, external, rule.outsideBackends);
  }
  return wanted;
}

function sourcesOf({ restricted }: ServicePortRule, address: string): readonly string[] | undefined {
  return restricted?.addresses.includes(address) === true ? restricted.sources : undefined;
}

export interface UserspaceDataPlaneOptions {
  readonly env: Env;
  readonly log: Logger;
  /** Has the service addresses. Undefined: they are local anyway. */
  readonly link: AddressLink | undefined;
  /** Clients of these ranges, and the node itself, are inside of the cluster. */
  readonly clusterCidrs: readonly string[];
}

export class UserspaceDataPlane {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #link: AddressLink | undefined;
  readonly #clients: ClusterClients;
  readonly #knowsClients: boolean;
  readonly #open = new Map<string, Open>();
  /** They take no new connections any more, but still have running ones. */
  readonly #closing = new Map<TcpListener, string>();

  constructor({ env, log, link, clusterCidrs }: UserspaceDataPlaneOptions) {
    this.#env = env;
    this.#log = log;
    this.#link = link;
    this.#clients = new ClusterClients(env, clusterCidrs);
    this.#knowsClients = clusterCidrs.length > 0;
  }

  async open(): Promise<void> {
    await this.#link?.open();
  }

  /** @throws Error when some listeners could not be opened; the others serve. */
  async apply(rules: readonly ServicePortRule[]): Promise<void> {
    const wanted = wantedListeners(rules, this.#knowsClients);
    for (const [key, open] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      this.#retire(open);
    }
    await this.#link?.set(this.#addresses(rules));
    const failures: string[] = [];
    for (const [key, want] of wanted) {
      const failure = await this.#ensure(key, want);
      if (failure !== undefined) failures.push(failure);
    }
    if (failures.length > 0) {
      throw new Error(`${failures.length} service addresses cannot be served: ${failures.slice(0, 3).join('; ')}`);
    }
  }

  async #ensure(key: string, wanted: Wanted): Promise<string | undefined> {
    const { address, port, protocol, backends, outside = [] } = wanted;
    const known = this.#open.get(key);
    if (known !== undefined) {
      known.picker.update(wanted);
      if (known.listener instanceof UdpListener) known.listener.retain([...backends, ...outside]);
      return undefined;
    }
    if (this.#open.size >= listenerLimit) return `${key}: more than ${listenerLimit} listeners`;
    const picker = new ClientPicker(this.#env, (client) => this.#clients.isOutside(client));
    picker.update(wanted);
    const listener = protocol === 'UDP' ? new UdpListener(this.#env, picker) : new TcpListener(this.#env, picker);
    try {
      await listener.listen(address, port);
      this.#open.set(key, { address, picker, listener });
      return undefined;
    } catch (error) {
      listener.destroy();
      this.#log.debug({ key, error: errorMessage(error) }, 'a service address cannot be taken');
      return `${key}: ${errorMessage(error)}`;
    }
  }

  /** Makes the next {@link apply} look at what the system really has. */
  forget(): void {
    this.#link?.forget();
  }

  #retire({ listener, address }: Open): void {
    if (listener instanceof UdpListener) {
      listener.destroy();
      return;
    }
    listener.close();
    this.#closing.set(listener, address);
  }

  /** Those of the services, and those of which connections are still running: they would hang without. */
  #addresses(rules: readonly ServicePortRule[]): ReadonlySet<string> {
    for (const listener of this.#closing.keys()) if (listener.clients === 0) this.#closing.delete(listener);
    const all = rules.flatMap((rule) => [...rule.clusterIPs, ...rule.externalIPs]).concat(...this.#closing.values());
    return new Set(all.filter((address) => isIPv4(address) && address !== anyAddress));
  }

  /** Ends everything. Running connections get `graceMs` to end by themselves, while another proxy takes the new ones. */
  async close(graceMs = 0): Promise<void> {
    for (const open of this.#open.values()) this.#retire(open);
    this.#open.clear();
    if (graceMs > 0) await this.#ended(graceMs);
    for (const listener of this.#closing.keys()) listener.destroy();
    this.#closing.clear();
    await this.#link?.close();
  }

  async #ended(graceMs: number): Promise<void> {
    const over = new AbortController();
    const idle = Promise.all([...this.#closing.keys()].map((listener) => listener.whenIdle()));
    await Promise.race([idle, this.#env.timers.sleep(graceMs, over.signal).catch(() => undefined)]);
    over.abort();
  }
}
