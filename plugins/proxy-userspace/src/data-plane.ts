/** Listeners that follow the rules: one for each service address, protocol and port. */
import { isIP } from 'node:net';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { AddressLink } from '@timonel/sdk/command';
import { formatIp, parseIp } from '@timonel/sdk/contracts/network';
import { partlyServed } from '@timonel/sdk/controller';
import { isOfMachine, type Backend, type ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { ClientMemory } from './client-memory.ts';
import { ClientPicker, type Choice } from './client-picker.ts';
import { ClusterClients } from './cluster-clients.ts';
import { TcpListener } from './tcp-listener.ts';
import { UdpListener } from './udp-listener.ts';

interface Wanted extends Omit<Choice, 'memory'> {
  /** The service port that it is of. */
  readonly id: string;
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
const anyAddresses = ['0.0.0.0', '::'];

/**
 * What should be listened on. `knowsClients`: of a family it is known which clients are of the cluster. A service without backends is not:
 * the kernel then refuses connections at once.
 */
export function wantedListeners(
  rules: readonly ServicePortRule[],
  knowsClients: (family: number) => boolean,
): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const rule of rules) {
    const { id, protocol } = rule;
    if (protocol === 'SCTP') continue;
    const add = (address: string, port: number, all: readonly Backend[], allOutside?: readonly Backend[]): void => {
      const key = `${protocol} ${address}:${port}`;
      const family = isIP(address);
      const own = (each: Backend): boolean => isIP(each.address) === family;
      const [backends, outside] = [all.filter(own), allOutside?.filter(own)];
      if (family === 0 || wanted.has(key) || backends.length + (outside?.length ?? 0) === 0) return;
      wanted.set(key, { id, address, port, protocol, backends, outside, sources: sourcesOf(rule, address) });
    };
    const strangers = (address: string): [] | undefined =>
      rule.insideOnly === true && knowsClients(isIP(address)) ? [] : undefined;
    for (const address of rule.clusterIPs) add(address, rule.port, rule.backends, strangers(address));
    const external = rule.externalBackends ?? rule.backends;
    for (const address of externalIPsOf(rule)) add(address, rule.port, external, rule.outsideBackends);
    if (rule.nodePort === undefined) continue;
    for (const address of anyAddresses) add(address, rule.nodePort, external, rule.outsideBackends);
  }
  return wanted;
}

function externalIPsOf({ externalIPs }: ServicePortRule): readonly string[] {
  return externalIPs.filter((address) => !isOfMachine(address));
}

function allBackends({ backends, externalBackends = [], outsideBackends = [] }: ServicePortRule): readonly Backend[] {
  return [...backends, ...externalBackends, ...outsideBackends];
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
  readonly #open = new Map<string, Open>();
  /** Of service ports whose clients stay with their backends, by id. */
  #memories: ReadonlyMap<string, ClientMemory> = new Map();
  /** They take no new connections any more, but still have running ones. */
  readonly #closing = new Map<TcpListener, string>();

  constructor({ env, log, link, clusterCidrs }: UserspaceDataPlaneOptions) {
    this.#env = env;
    this.#log = log;
    this.#link = link;
    this.#clients = new ClusterClients(env, clusterCidrs);
  }

  async open(): Promise<void> {
    await this.#link?.open();
  }

  /** @throws Error when some listeners could not be opened; the others serve, and the code says whether service addresses have any. */
  async apply(rules: readonly ServicePortRule[]): Promise<void> {
    this.#memories = this.#remembering(rules);
    const wanted = wantedListeners(rules, (family) => this.#clients.knows(family));
    for (const [key, open] of this.#open) {
      if (wanted.has(key)) continue;
      this.#open.delete(key);
      this.#retire(open);
    }
    const failures: string[] = [];
    // Without some addresses, the others can be served.
    await this.#link?.set(this.#addresses(rules)).catch((error: unknown) => failures.push(errorMessage(error)));
    for (const [key, want] of wanted) {
      const failure = await this.#ensure(key, want);
      if (failure !== undefined) failures.push(failure);
    }
    if (failures.length === 0) return;
    const error = new Error(
      `${failures.length} service addresses cannot be served: ${failures.slice(0, 3).join('; ')}`,
    );
    // Ports of the node alone are not worth the rules of another proxy, which may have more.
    const serves = [...this.#open.values()].some(({ address }) => !anyAddresses.includes(address));
    throw serves ? Object.assign(error, { code: partlyServed }) : error;
  }

  #remembering(rules: readonly ServicePortRule[]): ReadonlyMap<string, ClientMemory> {
    const memories = new Map<string, ClientMemory>();
    for (const rule of rules) {
      if (rule.affinitySeconds === undefined) continue;
      const memory = this.#memories.get(rule.id) ?? new ClientMemory(this.#env);
      memory.update(allBackends(rule), rule.affinitySeconds);
      memories.set(rule.id, memory);
    }
    return memories;
  }

  async #ensure(key: string, wanted: Wanted): Promise<string | undefined> {
    const { address, port, protocol, backends, outside = [] } = wanted;
    const choice = { ...wanted, memory: this.#memories.get(wanted.id) };
    const known = this.#open.get(key);
    if (known !== undefined) {
      known.picker.update(choice);
      if (known.listener instanceof UdpListener) known.listener.retain([...backends, ...outside]);
      return undefined;
    }
    if (this.#open.size >= listenerLimit) return `${key}: more than ${listenerLimit} listeners`;
    const picker = new ClientPicker(this.#env, (client) => this.#clients.isOutside(client));
    picker.update(choice);
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
    const own = rules.flatMap((rule) => [...rule.clusterIPs, ...externalIPsOf(rule)]);
    const running = [...this.#closing.values()].filter((address) => !anyAddresses.includes(address));
    // As the system writes them.
    return new Set([...own, ...running].flatMap((address) => parseIp(address) ?? []).map(formatIp));
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
