/** The faults of the bed's network as rules for nftables: pure functions from what is wished to the text. */

export interface NetworkFaults {
  /** Frames between the two pass a router: at the switch only their addresses tell whose they are. */
  readonly isRouted: (a: string, b: string) => boolean;
  readonly addressOf: (machine: string) => string;
  /** `from to`: frames that way are dropped. */
  readonly oneWay: ReadonlySet<string>;
  /** Likewise in both directions, address resolution included. */
  readonly bothWays: ReadonlySet<string>;
  /** Share of the frames from and to a machine that is dropped, percent. */
  readonly lossPercent: ReadonlyMap<string, number>;
}

/** A machine's port at the switch, and what stands in its place while the machine is slow. */
export function portsOf(machine: string): { port: string; inner: string; outer: string; bridge: string } {
  return { port: machine, inner: `${machine}.s`, outer: `${machine}.w`, bridge: `${machine}.b` };
}

const table = 'table bridge faults';
const lossUnit = 10_000;

function ports(machine: string): string {
  const { port, outer } = portsOf(machine);
  return `{ "${port}", "${outer}" }`;
}

/** Matches what `from` sends to `to`. */
function between(from: string, to: string, { isRouted, addressOf }: NetworkFaults): string {
  const end = isRouted(from, to) ? `ip daddr ${addressOf(to)}` : `oifname ${ports(to)}`;
  return `iifname ${ports(from)} ${end}`;
}

/** Input of `nft -f -` that replaces what was before, at one moment. */
export function rulesOf(faults: NetworkFaults): string {
  const rules: string[] = [];
  for (const pair of faults.bothWays) {
    const [a = '', b = ''] = pair.split(' ');
    rules.push(`${between(a, b, faults)} drop`, `${between(b, a, faults)} drop`);
  }
  for (const pair of faults.oneWay) {
    const [from = '', to = ''] = pair.split(' ');
    // Without answers to address resolution nothing would get through the other way either.
    rules.push(`${between(from, to, faults)} ether type != arp drop`);
  }
  for (const [machine, percent] of faults.lossPercent) {
    const dropped = Math.round((percent / 100) * lossUnit);
    // nft refuses a comparison that always holds.
    const share = dropped >= lossUnit ? '' : `numgen random mod ${lossUnit} < ${dropped}`;
    rules.push(`iifname ${ports(machine)} ${share} drop`, `oifname ${ports(machine)} ${share} drop`);
  }
  const chain = ['chain forward {', 'type filter hook forward priority 0; policy accept;', ...rules, '}'];
  return [`add ${table}`, `delete ${table}`, `${table} {`, ...chain, '}', ''].join('\n');
}
