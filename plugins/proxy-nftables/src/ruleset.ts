/**
 * The services as an nftables table. Two maps do the work, so that a packet costs the same with 10 and with 10,000 services:
 * `services` leads from (address, protocol, port) to a chain for the number of backends, and that chain looks
 * (address, protocol, port, random number below the count) up in `endpoints`. Source: nft(8), "MAPS", "VERDICT MAPS".
 */
import type { IpFamily } from '@timonel/sdk/contracts/network';
import { nftChain, nftElementChanges, nftSet } from '@timonel/sdk/nftables';
import { clientSetDefinition } from './affinity.ts';
import { ipOf, type Ip } from './ip.ts';
import type { Present } from './present.ts';
import { addressKeyOf, choosersTo, nodePortKey, setNames, type SetName, type TableContent } from './table-content.ts';

export interface RulesetOptions {
  readonly table: string;
  readonly family: IpFamily;
  /** New connections to an address of it that no service takes are refused. */
  readonly serviceCidr: string;
  /** Clients of these ranges, and the node itself, are inside of the cluster. */
  readonly clusterCidrs: readonly string[];
}

type SetType = { readonly type: 'map' | 'set'; readonly of: string };

function typesOf(ip: Ip): Readonly<Record<SetName, SetType>> {
  const addressKey = addressKeyOf(ip);
  const verdicts = { type: 'map', of: `${addressKey} : verdict` } as const;
  const nodePortVerdicts = { type: 'map', of: `${nodePortKey} : verdict` } as const;
  const numbered = (key: string): string => `${key} . numgen random mod 65536 : ${ip} daddr . th dport`;
  return {
    services: verdicts,
    endpoints: { type: 'map', of: numbered(addressKey) },
    nodeports: nodePortVerdicts,
    nodeport_endpoints: { type: 'map', of: numbered(nodePortKey) },
    refused: verdicts,
    refused_nodeports: nodePortVerdicts,
    services_outside: verdicts,
    nodeports_outside: nodePortVerdicts,
    silenced: { type: 'set', of: addressKey },
    silenced_nodeports: { type: 'set', of: nodePortKey },
    guarded: verdicts,
    /**
     * Each backend twice. A pod that reaches itself through a service must seem to be the node; so must a client from outside whose
     * backend is behind another node (the next hop is not the backend then), or that node would answer the client past this one.
     */
    hairpins: { type: 'set', of: `${ip} saddr . ${ip} daddr` },
  };
}

/** What differs by family beside the words. */
const special = {
  ip: { loopback: '127.0.0.0/8', unreachable: 'icmp' },
  ip6: { loopback: '::1', unreachable: 'icmpv6' },
} as const;

/** The chains that are there whatever the services are. */
function fixedChains({ family, serviceCidr, clusterCidrs }: RulesetOptions): string {
  const ip = ipOf[family];
  const addressKey = addressKeyOf(ip);
  const ofCluster = clusterCidrs.length === 0 ? '' : `${ip} saddr != { ${clusterCidrs.join(', ')} } `;
  const fromOutside = `${ofCluster}fib saddr type != local`;
  const toNodePort = `fib daddr type local ${ip} daddr != ${special[ip].loopback} ${nodePortKey}`;
  const hook = (type: string, name: string, priority: string): string =>
    `type ${type} hook ${name} priority ${priority}; policy accept;`;
  /** Of filters, which see every packet: only the first of a connection is looked at further. */
  const onlyNew = 'ct state != new accept';
  const refuseAbsent = `${ip} daddr ${serviceCidr} fib daddr type != local goto refuse_now`;
  const chains: Readonly<Record<string, readonly string[]>> = {
    dispatch: [`${addressKey} vmap @services`, `${toNodePort} vmap @nodeports`],
    outside: [`${addressKey} vmap @services_outside`, `${toNodePort} vmap @nodeports_outside`],
    guard: [hook('filter', 'prerouting', '-105'), onlyNew, `${addressKey} vmap @guarded`],
    prerouting: [hook('nat', 'prerouting', 'dstnat'), `${fromOutside} jump outside`, 'goto dispatch'],
    output: [hook('nat', 'output', '-100'), 'goto dispatch'],
    postrouting: [
      hook('nat', 'postrouting', 'srcnat'),
      `ct status dnat ${ip} saddr . ${ip} daddr @hairpins masquerade`,
      `ct status dnat ct original ${ip} daddr != ${serviceCidr} ${ip} daddr . rt ${ip} nexthop != @hairpins masquerade`,
    ],
    refuse_now: [
      'meta l4proto tcp reject with tcp reset',
      `reject with ${special[ip].unreachable} type port-unreachable`,
    ],
    forward: [
      hook('filter', 'forward', 'filter'),
      onlyNew,
      `${fromOutside} ${addressKey} @silenced drop`,
      `${addressKey} vmap @refused`,
      refuseAbsent,
    ],
    input: [
      hook('filter', 'input', 'filter'),
      onlyNew,
      `${fromOutside} ${addressKey} @silenced drop`,
      `${fromOutside} fib daddr type local ${nodePortKey} @silenced_nodeports drop`,
      `fib daddr type local ${nodePortKey} vmap @refused_nodeports`,
    ],
    local_output: [hook('filter', 'output', 'filter'), onlyNew, `${addressKey} vmap @refused`, refuseAbsent],
  };
  return Object.entries(chains)
    .map(([name, lines]) => nftChain(name, lines))
    .join('');
}

/**
 * nft 1.0 cannot add a rule later that looks into a map of this kind ("conflicting protocols specified"): chains for as many backends as
 * nearly all services have are there from the beginning.
 */
const prepared = { ip: choosersTo(24, 'ip'), ip6: choosersTo(24, 'ip6') } as const;

/** A text for `nft -f -`, one transaction, and the choosers that the table has then. */
export interface Rendered {
  readonly text: string;
  readonly choosers: ReadonlySet<string>;
}

/** Replaces the whole table. `present`: what it has now, where the clients that it remembers are to be kept. */
export function renderTable(content: TableContent, options: RulesetOptions, present?: Present): Rendered {
  const { table, family } = options;
  const ip = ipOf[family];
  const place = `${ip} ${table}`;
  const types = typesOf(ip);
  const choosers = new Map([...prepared[ip], ...content.choosers]);
  const kept = new Set((present?.sets ?? []).filter((name) => content.clientSets.has(name)));
  const fixedSets = setNames.map((name) =>
    nftSet(types[name].type, name, [`typeof ${types[name].of}`], content.elements[name]),
  );
  const clientSets = [...content.clientSets].filter((name) => !kept.has(name));
  const sets = [...fixedSets, ...clientSets.map((name) => nftSet('set', name, clientSetDefinition(ip), new Map()))];
  const chains = [
    ...[...choosers].map(([name, line]) => nftChain(name, [line])),
    ...[...content.chains].map(([name, lines]) => nftChain(name, lines)),
  ].join('');
  const head = kept.size === 0 ? `table ${place}\ndelete table ${place}\n` : emptied(place, present, kept);
  const text = `${head}table ${place} {\n${sets.join('')}  chain refuse {\n  }\n${chains}${fixedChains(options)}}\n`;
  return { text, choosers: new Set(choosers.keys()) };
}

/** Commands that leave of a table nothing but some sets. */
function emptied(place: string, present: Present | undefined, kept: ReadonlySet<string>): string {
  const { maps = [], sets = [], chains = [] } = present ?? {};
  const lines = [
    `flush table ${place}`,
    ...maps.map((name) => `delete map ${place} ${name}`),
    ...sets.filter((name) => !kept.has(name)).map((name) => `delete set ${place} ${name}`),
    ...chains.map((name) => `delete chain ${place} ${name}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Makes `after` of `before`; the text is '' when they are equal. Undefined: the table has to be written anew. */
export function renderChanges(
  before: TableContent,
  after: TableContent,
  choosers: ReadonlySet<string>,
  { table, family }: RulesetOptions,
): Rendered | undefined {
  for (const name of after.choosers.keys()) if (!choosers.has(name)) return undefined;
  const ip = ipOf[family];
  const place = `${ip} ${table}`;
  const newChains = [...after.chains].filter(([name]) => !before.chains.has(name));
  const newSets = [...after.clientSets].filter((name) => !before.clientSets.has(name));
  const lines = [
    ...newSets.map((name) => `add set ${place} ${name} { ${clientSetDefinition(ip).join('; ')}; }`),
    ...newChains.map(([name]) => `add chain ${place} ${name}`),
    ...newChains.flatMap(([name, texts]) => texts.map((text) => `add rule ${place} ${name} ${text}`)),
  ];
  for (const name of setNames)
    lines.push(...nftElementChanges(`${place} ${name}`, before.elements[name], after.elements[name]));
  // What leads to a chain or set has to go before it.
  const oldChains = [...before.chains.keys()].filter((name) => !after.chains.has(name)).reverse();
  const oldSets = [...before.clientSets].filter((name) => !after.clientSets.has(name));
  lines.push(...oldChains.map((name) => `delete chain ${place} ${name}`));
  lines.push(...oldSets.map((name) => `delete set ${place} ${name}`));
  return { text: lines.length === 0 ? '' : `${lines.join('\n')}\n`, choosers };
}
