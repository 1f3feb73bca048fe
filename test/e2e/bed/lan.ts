import { mustRun } from '@timonel/sdk/command';
import { portsOf, rulesOf } from './faults.ts';
import { holdNamespaces, type NamespaceHolder } from './namespace-holder.ts';
import { startSlowWire, type Delay, type SlowWire } from './slow-wire.ts';

const prefixLength = 24;

/** A link that machines share. */
export interface Link {
  /** Its bridge at the switch. */
  readonly bridge: 'lan0' | 'lan1';
  /** The first three numbers of its addresses. */
  readonly network: string;
}

export const links: { readonly near: Link; readonly far: Link } = {
  near: { bridge: 'lan0', network: '10.99.0' },
  far: { bridge: 'lan1', network: '10.98.0' },
};
const allLinks: readonly Link[] = Object.values(links);

function linkOf(address: string): Link {
  return address.startsWith(`${links.far.network}.`) ? links.far : links.near;
}

function routerOn({ network }: Link): string {
  return `${network}.254`;
}

/** Of the machine's link, over all its lives: others remember it. */
function macOf(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return `02:00:${bytes.join(':')}`;
}

/**
 * The switch that joins the machines: a Linux bridge for each link in a network namespace of its own, with a router in another one
 * between the links. Faults are made here, where no machine sees
 * or undoes them, and reach all that passes a machine's link: its pods' packets too.
 */
export class Lan {
  readonly #holder: NamespaceHolder;
  readonly #router: NamespaceHolder | undefined;
  /** Addresses of those with power. */
  readonly #machines: Map<string, string> = new Map();
  readonly #slow: Map<string, SlowWire> = new Map();
  readonly #oneWay: Set<string> = new Set();
  readonly #bothWays: Set<string> = new Set();
  readonly #lossPercent: Map<string, number> = new Map();
  #applied: Promise<unknown> = Promise.resolve();

  private constructor(holder: NamespaceHolder, router: NamespaceHolder | undefined) {
    this.#holder = holder;
    this.#router = router;
  }

  /** `hasFarLink`: there is a second link, behind a router. */
  static async open(label: string, hasFarLink: boolean): Promise<Lan> {
    const script = [
      ...(hasFarLink ? allLinks : [links.near]).flatMap(({ bridge }) => [
        `ip link add name ${bridge} type bridge forward_delay 0 mcast_snooping 0`,
        `ip link set ${bridge} addrgenmode none up`,
      ]),
      // The machines' firewalls are theirs; the switch has none but the faults.
      'echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables || :',
    ].join('\n');
    const holder = await holdNamespaces({ namespaces: ['--net'], script, name: label });
    try {
      return new Lan(holder, hasFarLink ? await openRouter(holder.pid, `${label}-router`) : undefined);
    } catch (error) {
      await holder.stop();
      throw error;
    }
  }

  /** Gives the machine whose namespaces are those of the process its link. */
  async plug(machine: string, address: string, pid: number): Promise<void> {
    const { port } = portsOf(machine);
    await this.#ip([
      `link add ${port} type veth peer name eth0 address ${macOf(address)} netns ${pid}`,
      `link set ${port} addrgenmode none master ${linkOf(address).bridge} up`,
    ]);
    const others = this.#router === undefined ? [] : allLinks.filter((link) => link !== linkOf(address));
    await ipIn(pid, [
      'link set eth0 addrgenmode none',
      `addr add ${address}/${prefixLength} brd + dev eth0`,
      'link set eth0 up',
      ...others.map(({ network }) => `route add ${network}.0/${prefixLength} via ${routerOn(linkOf(address))}`),
    ]);
    this.#machines.set(machine, address);
  }

  async unplug(machine: string): Promise<void> {
    await this.#fast(machine);
    this.#machines.delete(machine);
    await this.#ip([`link delete ${portsOf(machine).port}`]);
  }

  async cut(a: string, b: string): Promise<void> {
    this.#bothWays.add(`${this.#known(a)} ${this.#known(b)}`);
    await this.#apply();
  }

  async cutOneWay(from: string, to: string): Promise<void> {
    this.#oneWay.add(`${this.#known(from)} ${this.#known(to)}`);
    await this.#apply();
  }

  async isolate(machine: string): Promise<void> {
    for (const other of this.#machines.keys())
      if (other !== this.#known(machine)) this.#bothWays.add(`${machine} ${other}`);
    await this.#apply();
  }

  async lossy(machine: string, percent: number): Promise<void> {
    if (!(percent >= 0 && percent <= 100)) throw new Error(`loss of ${percent} percent: must be between 0 and 100`);
    this.#lossPercent.set(this.#known(machine), percent);
    await this.#apply();
  }

  /** Every frame from and to the machine comes later, in its order. Again: with other figures. Frames on their way are lost then. */
  async slow(machine: string, delay: Delay): Promise<void> {
    await this.#fast(this.#known(machine));
    const names = portsOf(machine);
    this.#slow.set(machine, await startSlowWire(this.#holder.pid, names.inner, names.outer, delay));
    await this.#ip([
      `link add name ${names.bridge} type bridge forward_delay 0 mcast_snooping 0`,
      `link set ${names.bridge} addrgenmode none up`,
      `link set ${names.inner} addrgenmode none master ${names.bridge} up`,
      `link set ${names.outer} addrgenmode none master ${this.#bridgeOf(machine)} up`,
      `link set ${names.port} master ${names.bridge}`,
    ]);
  }

  /** Ends all faults. */
  async heal(): Promise<void> {
    for (const faults of [this.#bothWays, this.#oneWay, this.#lossPercent]) faults.clear();
    await this.#apply();
    await Promise.all([...this.#slow.keys()].map((machine) => this.#fast(machine)));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#slow.values()].map((wire) => wire.stop()));
    await Promise.all([this.#holder.stop(), this.#router?.stop()]);
  }

  async #fast(machine: string): Promise<void> {
    const wire = this.#slow.get(machine);
    if (wire === undefined) return;
    this.#slow.delete(machine);
    const names = portsOf(machine);
    await this.#ip([`link set ${names.port} master ${this.#bridgeOf(machine)}`, `link delete ${names.bridge}`]);
    await wire.stop();
  }

  #known(machine: string): string {
    if (this.#machines.has(machine)) return machine;
    throw new Error(`there is no machine "${machine}" with power; there are ${[...this.#machines.keys()].join(', ')}`);
  }

  #bridgeOf(machine: string): string {
    return linkOf(this.#machines.get(machine) ?? '').bridge;
  }

  /** One after the other: of two at once the older rules might be the last to arrive. */
  #apply(): Promise<unknown> {
    const addressOf = (machine: string): string => this.#machines.get(machine) ?? '';
    const faults = {
      isRouted: (a: string, b: string): boolean => linkOf(addressOf(a)) !== linkOf(addressOf(b)),
      addressOf,
      bothWays: this.#bothWays,
      oneWay: this.#oneWay,
      lossPercent: this.#lossPercent,
    };
    const next = this.#applied.catch(() => undefined).then(() => this.#run('nft', ['-f', '-'], rulesOf(faults)));
    this.#applied = next;
    return next;
  }

  #ip(lines: readonly string[]): Promise<string> {
    return ipIn(this.#holder.pid, lines);
  }

  #run(program: string, args: readonly string[], input: string): Promise<string> {
    return mustRun('nsenter', [`--target=${this.#holder.pid}`, '--net', program, ...args], input);
  }
}

/** A machine of nobody with an end on each link, which forwards between them. */
async function openRouter(switchPid: number, label: string): Promise<NamespaceHolder> {
  const script = 'echo 1 > /proc/sys/net/ipv4/ip_forward';
  const router = await holdNamespaces({ namespaces: ['--net'], script, name: label });
  try {
    for (const link of allLinks) {
      const port = `router.${link.bridge}`;
      await ipIn(switchPid, [
        `link add ${port} type veth peer name ${link.bridge} netns ${router.pid}`,
        `link set ${port} addrgenmode none master ${link.bridge} up`,
      ]);
      await ipIn(router.pid, [
        `link set ${link.bridge} addrgenmode none`,
        `addr add ${routerOn(link)}/${prefixLength} dev ${link.bridge}`,
        `link set ${link.bridge} up`,
      ]);
    }
    return router;
  } catch (error) {
    await router.stop();
    throw error;
  }
}

function ipIn(pid: number, lines: readonly string[]): Promise<string> {
  return mustRun('nsenter', [`--target=${pid}`, '--net', 'ip', '-batch', '-'], `${lines.join('\n')}\n`);
}
