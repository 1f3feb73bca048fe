/**
 * Clients of UDP services that go on sending from one port stay with the backend that they got first: to the kernel these packets are one
 * flow, whose translation is decided once. Here flows to backends that are none any more are ended, so that the next packet gets another.
 */
import { networkInterfaces } from 'node:os';
import { errorMessage, type Logger } from '@timonel/sdk';
import { mustRun, run } from '@timonel/sdk/command';
import { familyOf, formatIp, parseIp, type IpFamily } from '@timonel/sdk/contracts/network';
import type { Backend, ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { endOfUdpFlows } from '@timonel/sdk/nftables';

/** Backends, `address:port`, by where clients send to: `address:port`, or `:port` for a port of the node. */
type Frontends = ReadonlyMap<string, ReadonlySet<string>>;

export interface Flow {
  /** Where the client sends to. */
  readonly address: string;
  readonly port: string;
  /** Who answers: the backend, or, without a translation, that address itself. */
  readonly replyAddress: string;
  readonly replyPort: string;
}

/** Kinds of flows that one look ends at most; the next ends the others. */
const endedAtOnce = 200;
const looksAtOnce = 20;

/** As the kernel's tables are shown: IPv6 addresses can be written in many ways. */
function place(address: string, port: number): string {
  const parsed = parseIp(address);
  return `${parsed === undefined ? address : formatIp(parsed)}:${port}`;
}

export function frontendsOf(rules: readonly ServicePortRule[]): Frontends {
  const found = new Map<string, Set<string>>();
  const add = (key: string, backends: readonly Backend[]): void => {
    const known = found.get(key) ?? new Set();
    for (const { address, port } of backends) known.add(place(address, port));
    found.set(key, known);
  };
  for (const rule of rules) {
    const external = [...(rule.externalBackends ?? rule.backends), ...(rule.outsideBackends ?? [])];
    for (const address of rule.clusterIPs) add(place(address, rule.port), rule.backends);
    for (const address of rule.externalIPs) add(place(address, rule.port), external);
    if (rule.nodePort !== undefined) add(`:${rule.nodePort}`, external);
  }
  return found;
}

/** Those with flows that may lead elsewhere now. */
export function changedFrontends(before: Frontends, after: Frontends): string[] {
  const changed = [...after].flatMap(([key, backends]) => {
    const earlier = before.get(key);
    // Before there was a backend, packets may have gone to the address itself.
    const isFirst = earlier === undefined || earlier.size === 0;
    return isFirst || [...earlier].some((backend) => !backends.has(backend)) ? [key] : [];
  });
  return [...changed, ...[...before.keys()].filter((key) => !after.has(key))];
}

/** Each twice: of packets from the client, and of answers. */
const flowLine = /\bdst=(\S+) sport=\d+ dport=(\d+) .*?\bsrc=(\S+) dst=\S+ sport=(\d+) /;

/** Reads a line of `conntrack -L`. Source: conntrack(8). */
export function parseFlow(line: string): Flow | undefined {
  const [, address, port, replyAddress, replyPort] = flowLine.exec(line) ?? [];
  if (address === undefined || port === undefined || replyAddress === undefined || replyPort === undefined) {
    return undefined;
  }
  return { address, port, replyAddress, replyPort };
}

export class UdpFlows {
  readonly #log: Logger;
  #rules: readonly ServicePortRule[] = [];
  #frontends: Frontends = new Map();
  #changed: Set<string> = new Set();
  #running: Promise<void> | undefined;
  #isClosed = false;
  #said = '';

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Call when the kernel has the rules. The work goes on after the return. */
  follow(rules: readonly ServicePortRule[]): void {
    const udp = rules.filter(({ protocol }) => protocol === 'UDP');
    // Rules of which nothing changed are the same objects.
    if (udp.length === this.#rules.length && udp.every((rule, index) => rule === this.#rules[index])) return;
    const frontends = frontendsOf(udp);
    for (const key of changedFrontends(this.#frontends, frontends)) this.#changed.add(key);
    this.#rules = udp;
    this.#frontends = frontends;
    if (this.#changed.size > 0) this.#running ??= this.#work();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #work(): Promise<void> {
    try {
      while (this.#changed.size > 0 && !this.#isClosed) {
        const changed = this.#changed;
        this.#changed = new Set();
        for (let looks = 0; looks < looksAtOnce && (await this.#end(changed)); looks++);
      }
      this.#said = '';
    } catch (error) {
      this.#report(errorMessage(error));
    } finally {
      this.#running = undefined;
    }
  }

  /** True: there may be more. */
  async #end(keys: ReadonlySet<string>): Promise<boolean> {
    const local = localAddresses();
    const stale = new Map<string, Flow>();
    for (const line of await this.#list()) {
      const flow = parseFlow(line);
      if (flow === undefined || !this.#isStale(flow, keys, local)) continue;
      stale.set(Object.values(flow).join(' '), flow);
      if (stale.size >= endedAtOnce) break;
    }
    for (const flow of stale.values())
      await run('conntrack', endOfUdpFlows({ ...flow, family: familyOf(flow.address) }));
    return stale.size >= endedAtOnce;
  }

  /** Those of a family that no service has are not looked at. */
  async #list(): Promise<readonly string[]> {
    const addresses = this.#rules.flatMap(({ clusterIPs, externalIPs }) => [...clusterIPs, ...externalIPs]);
    const has6 = addresses.some((address) => familyOf(address) === 6);
    const list = async (family: IpFamily): Promise<string[]> =>
      (await mustRun('conntrack', ['-L', '-p', 'udp', '-f', `ipv${family}`])).split('\n');
    return [...(await list(4)), ...(has6 ? await list(6) : [])];
  }

  #isStale(flow: Flow, keys: ReadonlySet<string>, local: ReadonlySet<string>): boolean {
    const byAddress = `${flow.address}:${flow.port}`;
    const key = this.#frontends.has(byAddress) || keys.has(byAddress) ? byAddress : `:${flow.port}`;
    if (!keys.has(key) || (key !== byAddress && !local.has(flow.address))) return false;
    return this.#frontends.get(key)?.has(`${flow.replyAddress}:${flow.replyPort}`) !== true;
  }

  /** Each problem once, until it is over. */
  #report(problem: string): void {
    if (problem !== this.#said) {
      this.#log.warn(
        { error: problem },
        'UDP clients of backends that are gone stay with them until they are silent for a while (apt-get install conntrack)',
      );
    }
    this.#said = problem;
  }
}

function localAddresses(): ReadonlySet<string> {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return new Set(all.map(({ address }) => address));
}
