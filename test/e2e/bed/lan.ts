import { mustRun } from '@timonel/sdk/command';
import { portsOf, rulesOf } from './faults.ts';
import { holdNamespaces, type NamespaceHolder } from './namespace-holder.ts';
import { startSlowWire, type Delay, type SlowWire } from './slow-wire.ts';

const bridge = 'lan0';
const prefixLength = 24;

/** Of the machine's link, over all its lives: others remember it. */
function macOf(address: string): string {
  const bytes = address.split('.').map((part) => Number(part).toString(16).padStart(2, '0'));
  return `02:00:${bytes.join(':')}`;
}

/**
 * The switch that joins the machines: a Linux bridge in a network namespace of its own. Faults are made here, where no machine sees
 * or undoes them, and reach all that passes a machine's link: its pods' packets too.
 */
export class Lan {
  readonly #holder: NamespaceHolder;
  readonly #machines: Set<string> = new Set();
  readonly #slow: Map<string, SlowWire> = new Map();
  readonly #oneWay: Set<string> = new Set();
  readonly #bothWays: Set<string> = new Set();
  readonly #lossPercent: Map<string, number> = new Map();
  #applied: Promise<unknown> = Promise.resolve();

  private constructor(holder: NamespaceHolder) {
    this.#holder = holder;
  }

  static async open(label: string): Promise<Lan> {
    const script = [
      `ip link add name ${bridge} type bridge forward_delay 0 mcast_snooping 0`,
      `ip link set ${bridge} addrgenmode none up`,
      // The machines' firewalls are theirs; the switch has none but the faults.
      'echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables || :',
    ].join('\n');
    return new Lan(await holdNamespaces({ namespaces: ['--net'], script, name: label }));
  }

  /** Gives the machine whose namespaces are those of the process its link. */
  async plug(machine: string, address: string, pid: number): Promise<void> {
    const { port } = portsOf(machine);
    await this.#ip([
      `link add ${port} type veth peer name eth0 address ${macOf(address)} netns ${pid}`,
      `link set ${port} addrgenmode none master ${bridge} up`,
    ]);
    const lines = [
      'link set eth0 addrgenmode none',
      `addr add ${address}/${prefixLength} brd + dev eth0`,
      'link set eth0 up',
    ];
    await mustRun('nsenter', [`--target=${pid}`, '--net', 'ip', '-batch', '-'], `${lines.join('\n')}\n`);
    this.#machines.add(machine);
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
    for (const other of this.#machines) if (other !== this.#known(machine)) this.#bothWays.add(`${machine} ${other}`);
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
      `link set ${names.outer} addrgenmode none master ${bridge} up`,
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
    await this.#holder.stop();
  }

  async #fast(machine: string): Promise<void> {
    const wire = this.#slow.get(machine);
    if (wire === undefined) return;
    this.#slow.delete(machine);
    const names = portsOf(machine);
    await this.#ip([`link set ${names.port} master ${bridge}`, `link delete ${names.bridge}`]);
    await wire.stop();
  }

  #known(machine: string): string {
    if (this.#machines.has(machine)) return machine;
    throw new Error(`there is no machine "${machine}" with power; there are ${[...this.#machines].join(', ')}`);
  }

  /** One after the other: of two at once the older rules might be the last to arrive. */
  #apply(): Promise<unknown> {
    const faults = { bothWays: this.#bothWays, oneWay: this.#oneWay, lossPercent: this.#lossPercent };
    const next = this.#applied.catch(() => undefined).then(() => this.#run('nft', ['-f', '-'], rulesOf(faults)));
    this.#applied = next;
    return next;
  }

  #ip(lines: readonly string[]): Promise<string> {
    return this.#run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
  }

  #run(program: string, args: readonly string[], input: string): Promise<string> {
    return mustRun('nsenter', [`--target=${this.#holder.pid}`, '--net', program, ...args], input);
  }
}
