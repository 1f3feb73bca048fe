/**
 * What the services put into the nftables table: elements of its maps and sets, and the chains that these lead to. Each rule's part is
 * made once for the object of the rule, so that a change of one service costs little beside thousands of others.
 */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { familyOf, type IpFamily } from '@timonel/sdk/contracts/network';
import { isOfMachine, type Backend, type ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { stickyChoice, type NamedChain, type Sticky } from './affinity.ts';
import { ipOf, type Ip } from './ip.ts';

/** Where a packet goes to, as in keys of the maps. Source: nft(8), "CONCATENATIONS". */
export function addressKeyOf(ip: Ip): string {
  return `${ip} daddr . meta l4proto . th dport`;
}
export const nodePortKey = 'meta l4proto . th dport';

/** Backends of clients outside have numbers from here on: one map holds both. */
const outsideOffset = 32_768;

export const setNames = [
  'services',
  'endpoints',
  'nodeports',
  'nodeport_endpoints',
  'refused',
  'refused_nodeports',
  'services_outside',
  'nodeports_outside',
  'silenced',
  'silenced_nodeports',
  'guarded',
  'hairpins',
] as const;
export type SetName = (typeof setNames)[number];

export interface TableContent {
  /** Of each map and set: its elements; the value is '' in sets. */
  readonly elements: Readonly<Record<SetName, ReadonlyMap<string, string>>>;
  /** Chains that choose a backend, by name: their only line. A name stands for one text, now and later. */
  readonly choosers: ReadonlyMap<string, string>;
  /** Chains of single services: their lines. Names stand for one text. Those that a chain leads to come before it. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Sets that the kernel fills. */
  readonly clientSets: ReadonlySet<string>;
}

/** How services are reached: at addresses, or at ports of the node. */
const kinds = {
  address: {
    keyOf: addressKeyOf,
    prefix: 's',
    services: 'services',
    endpoints: 'endpoints',
    refused: 'refused',
    outside: 'services_outside',
    silenced: 'silenced',
  },
  nodePort: {
    keyOf: (): string => nodePortKey,
    prefix: 'n',
    services: 'nodeports',
    endpoints: 'nodeport_endpoints',
    refused: 'refused_nodeports',
    outside: 'nodeports_outside',
    silenced: 'silenced_nodeports',
  },
} as const;
type Kind = (typeof kinds)[keyof typeof kinds];

interface Frontend {
  readonly kind: Kind;
  /** `10.96.0.1 . tcp . 80`, or `tcp . 30080`. */
  readonly key: string;
  readonly backends: readonly Backend[];
  /** Without backends it gives no answer, and does not refuse. */
  readonly silent: boolean;
  /** Those of clients outside of the cluster, where they have others. Without any they get no answer. */
  readonly outside: readonly Backend[] | undefined;
  /** Its clients stay with the endpoint that they had. */
  readonly sticky: Sticky | undefined;
  /** Ranges that its clients must be of; undefined: anybody. */
  readonly sources: readonly string[] | undefined;
}

/** What one frontend needs. Where two services claim one key, only the first one's part counts. */
interface Part {
  readonly key: string;
  readonly elements: readonly (readonly [SetName, key: string, value: string])[];
  readonly choosers: readonly (readonly [name: string, line: string])[];
  readonly chains: readonly NamedChain[];
  readonly clientSets: readonly string[];
}

const parts: Readonly<Record<IpFamily, WeakMap<ServicePortRule, readonly Part[]>>> = {
  4: new WeakMap(),
  6: new WeakMap(),
};

/** Of one family. Where two services claim one address and port, the first one by id has it: a key twice would make nft refuse all. */
export function contentOf(rules: readonly ServicePortRule[], family: IpFamily): TableContent {
  const elements = Object.fromEntries(setNames.map((name) => [name, new Map<string, string>()])) as Record<
    SetName,
    Map<string, string>
  >;
  const choosers = new Map<string, string>();
  const chains = new Map<string, readonly string[]>();
  const clientSets = new Set<string>();
  const claimed = new Set<string>();
  for (const rule of rules) {
    for (const part of partsOf(rule, family)) {
      if (claimed.has(part.key)) continue;
      claimed.add(part.key);
      for (const [set, key, value] of part.elements) elements[set].set(key, value);
      for (const [name, line] of part.choosers) choosers.set(name, line);
      for (const [name, lines] of part.chains) chains.set(name, lines);
      for (const name of part.clientSets) clientSets.add(name);
    }
  }
  return { elements, choosers, chains, clientSets };
}

function partsOf(rule: ServicePortRule, family: IpFamily): readonly Part[] {
  const known = parts[family].get(rule);
  if (known !== undefined) return known;
  const made = frontendsOf(rule, family).map((frontend) => partOf(frontend, ipOf[family]));
  parts[family].set(rule, made);
  return made;
}

function frontendsOf(rule: ServicePortRule, family: IpFamily): Frontend[] {
  const own = (backends: readonly Backend[]): readonly Backend[] =>
    backends.filter(({ address }) => isIP(address) === family);
  const protocol = rule.protocol.toLowerCase();
  const { id, affinitySeconds: seconds } = rule;
  const common = {
    sticky: seconds === undefined ? undefined : { id, protocol: rule.protocol, seconds },
    sources: undefined,
    outside: undefined,
    silent: false,
  };
  const external = {
    ...common,
    backends: own(rule.externalBackends ?? rule.backends),
    outside: rule.outsideBackends === undefined ? undefined : own(rule.outsideBackends),
  };
  const key = (address: string): string => `${address} . ${protocol} . ${rule.port}`;
  const clusterIPs = rule.clusterIPs.filter((one) => isIP(one) === family);
  const externalIPs = rule.externalIPs.filter((one) => isIP(one) === family && !isOfMachine(one));
  const restricted = (address: string): readonly string[] | undefined => {
    if (rule.restricted?.addresses.includes(address) !== true) return undefined;
    const sources = rule.restricted.sources.filter((range) => familyOf(range) === family);
    return sources.some((range) => range.endsWith('/0')) ? undefined : sources;
  };
  const { address: kind, nodePort } = kinds;
  return [
    ...clusterIPs.map((address) => ({
      ...common,
      kind,
      key: key(address),
      backends: own(rule.backends),
      silent: rule.silent === true,
    })),
    ...externalIPs.map((address) => ({ ...external, kind, key: key(address), sources: restricted(address) })),
    ...(rule.nodePort === undefined ? [] : [{ ...external, kind: nodePort, key: `${protocol} . ${rule.nodePort}` }]),
  ];
}

function partOf(frontend: Frontend, ip: Ip): Part {
  const { kind, key, backends, outside, silent, sources } = frontend;
  const elements: [SetName, string, string][] = [];
  const choosers: (readonly [string, string])[] = [];
  const chains: NamedChain[] = [];
  const clientSets: string[] = [];
  /** The chain that leads to one of them; undefined: there are none. */
  const entryTo = (among: readonly Backend[], isOutside: boolean): string | undefined => {
    if (among.length === 0) return undefined;
    for (const { address } of among) elements.push(['hairpins', `${address} . ${address}`, '']);
    if (frontend.sticky !== undefined) {
      const choice = stickyChoice(frontend.sticky, among, ip);
      chains.push(...choice.chains);
      clientSets.push(...choice.sets);
      return choice.entry;
    }
    const offset = isOutside ? outsideOffset : 0;
    for (const [index, { address, port }] of among.entries())
      elements.push([kind.endpoints, `${key} . ${offset + index}`, `${address} . ${port}`]);
    const made = chooser({ kind, isOutside, ip }, among.length);
    choosers.push(made);
    return made[0];
  };
  const inside = entryTo(backends, false);
  elements.push([kind.services, key, `goto ${inside ?? 'refuse'}`]);
  if (inside === undefined) elements.push([kind.refused, key, silent ? 'drop' : 'goto refuse_now']);
  if (outside !== undefined) {
    const entry = entryTo(outside, true);
    // Without backends the packet goes on as it is, to be dropped where packets may be.
    elements.push([kind.outside, key, entry === undefined ? 'accept' : `goto ${entry}`]);
    if (entry === undefined) elements.push([kind.silenced, key, '']);
  }
  if (sources !== undefined) {
    const guard = guardOf(sources, ip);
    chains.push(guard);
    elements.push(['guarded', key, `goto ${guard[0]}`]);
  }
  return { key: `${kind.prefix} ${key}`, elements, choosers, chains, clientSets };
}

interface Choice {
  readonly kind: Kind;
  readonly isOutside: boolean;
  readonly ip: Ip;
}

/** The chain that leads to any of so many backends. */
function chooser({ kind, isOutside, ip }: Choice, count: number): readonly [name: string, line: string] {
  const offset = isOutside ? ` offset ${outsideOffset}` : '';
  const number = `numgen random mod ${count}${offset}`;
  const line = `meta l4proto { tcp, udp, sctp } dnat ${ip} to ${kind.keyOf(ip)} . ${number} map @${kind.endpoints}`;
  return [`${kind.prefix}${isOutside ? 'o' : ''}r${count}`, line];
}

/** All that lead to at most `most` backends. */
export function choosersTo(most: number, ip: Ip): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const kind of Object.values(kinds))
    for (const isOutside of [false, true])
      for (let count = 1; count <= most; count++) found.set(...chooser({ kind, isOutside, ip }, count));
  return found;
}

/** Who is of none of the ranges gets no answer. */
function guardOf(sources: readonly string[], ip: Ip): NamedChain {
  const allowed = sources.join(', ');
  const name = `guard_${createHash('sha256').update(allowed).digest('hex').slice(0, 12)}`;
  return [name, [...(allowed === '' ? [] : [`${ip} saddr { ${allowed} } return`]), 'drop']];
}
