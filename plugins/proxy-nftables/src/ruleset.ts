/**
 * The services as an nftables table. Two maps do the work, so that a packet costs the same with 10 and with 10,000 services:
 * `services` leads from (address, protocol, port) to a chain for the number of backends, and that chain looks
 * (address, protocol, port, random number below the count) up in `endpoints`. Source: nft(8), "MAPS", "VERDICT MAPS".
 */
import { isIPv4 } from 'node:net';
import type { Backend, ServicePortRule } from '@timonel/sdk/contracts/proxy';

export interface RulesetOptions {
  readonly table: string;
  /** New connections to an address of it that no service takes are refused. */
  readonly serviceCidr: string;
  /** Clients of these ranges, and the node itself, are inside of the cluster. */
  readonly clusterCidrs: readonly string[];
}

interface Frontend {
  /** `10.96.0.1 . tcp . 80` */
  readonly key: string;
  readonly backends: readonly Backend[];
  readonly affinitySeconds: number | undefined;
  /** Ranges that its clients must be of; undefined: anybody. */
  readonly sources?: readonly string[] | undefined;
  /** Without backends it gives no answer, and does not refuse. */
  readonly silent?: boolean | undefined;
  /** Those of clients outside of the cluster, where they have others. Without any they get no answer. */
  readonly outside?: readonly Backend[] | undefined;
}

/** Loopback, unspecified, link-local, multicast and broadcast: no service may take traffic that a machine sends to itself. */
function isOfMachine(address: string): boolean {
  return /^(0|127|169\.254|22[4-9]|2[345]\d)\./.test(address);
}

function ipv4Of(backends: readonly Backend[]): readonly Backend[] {
  return backends.filter(({ address }) => isIPv4(address));
}

/** Where two services claim one address and port, the first one by id has it: a key twice would make nft refuse all. */
function frontendsOf(rules: readonly ServicePortRule[]): { addressed: Frontend[]; nodePorts: Frontend[] } {
  const addressed = new Map<string, Frontend>();
  const nodePorts = new Map<string, Frontend>();
  const add = (frontends: Map<string, Frontend>, frontend: Frontend): void => {
    if (!frontends.has(frontend.key)) frontends.set(frontend.key, frontend);
  };
  for (const rule of rules) {
    const protocol = rule.protocol.toLowerCase();
    const { affinitySeconds, silent } = rule;
    for (const address of rule.clusterIPs.filter((one) => isIPv4(one))) {
      const key = `${address} . ${protocol} . ${rule.port}`;
      add(addressed, { key, backends: ipv4Of(rule.backends), affinitySeconds, silent });
    }
    const external = {
      backends: ipv4Of(rule.externalBackends ?? rule.backends),
      outside: rule.outsideBackends === undefined ? undefined : ipv4Of(rule.outsideBackends),
      affinitySeconds,
    };
    for (const address of rule.externalIPs.filter((one) => isIPv4(one) && !isOfMachine(one))) {
      const sources = rule.restricted?.addresses.includes(address) === true ? rule.restricted.sources : undefined;
      add(addressed, { key: `${address} . ${protocol} . ${rule.port}`, ...external, sources });
    }
    if (rule.nodePort !== undefined) add(nodePorts, { key: `${protocol} . ${rule.nodePort}`, ...external });
  }
  return { addressed: [...addressed.values()], nodePorts: [...nodePorts.values()] };
}

/** Backends of clients outside have numbers from here on: one map holds both. */
const outsideOffset = 32_768;

/** For whom a chain is: its name's letter, and where the numbers of the backends begin. */
type Side = 'inside' | 'outside';
const sides = {
  inside: { letter: '', offset: '', backendsOf: ({ backends }: Frontend) => backends },
  outside: { letter: 'o', offset: ` offset ${outsideOffset}`, backendsOf: ({ outside }: Frontend) => outside ?? [] },
} as const;

const random = (count: number): string => `numgen random mod ${count}`;
/** The same client reaches the same backend as long as the set of backends stays. */
const byClient = (count: number): string => `jhash ip saddr mod ${count}`;

function chainOf(frontend: Frontend, prefix: string, side: Side): string | undefined {
  const { letter, backendsOf } = sides[side];
  const count = backendsOf(frontend).length;
  if (count === 0) return undefined;
  return `${prefix}${letter}${frontend.affinitySeconds === undefined ? 'r' : 'h'}${count}`;
}

function verdicts(frontends: readonly Frontend[], prefix: string): string[] {
  return frontends.map((frontend) => {
    const chain = chainOf(frontend, prefix, 'inside');
    return `${frontend.key} : goto ${chain ?? 'refuse'}`;
  });
}

/** Without backends the packet goes on as it is, to be dropped where packets may be. */
function outsideVerdicts(frontends: readonly Frontend[], prefix: string): string[] {
  return frontends.flatMap((frontend) => {
    if (frontend.outside === undefined) return [];
    const chain = chainOf(frontend, prefix, 'outside');
    return [`${frontend.key} : ${chain === undefined ? 'accept' : `goto ${chain}`}`];
  });
}

function refusals(frontends: readonly Frontend[]): string[] {
  const empty = frontends.filter(({ backends }) => backends.length === 0);
  return empty.map(({ key, silent }) => `${key} : ${silent === true ? 'drop' : 'goto refuse_now'}`);
}

function silenced(frontends: readonly Frontend[]): string[] {
  return frontends.filter(({ outside }) => outside?.length === 0).map(({ key }) => key);
}

function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : `    elements = {\n      ${list.join(',\n      ')}\n    }\n`;
}

function chains(prefix: string, key: string, map: string, frontends: readonly Frontend[]): string {
  const names = new Map<string, string>();
  for (const frontend of frontends) {
    for (const side of ['inside', 'outside'] as const) {
      const { offset, backendsOf } = sides[side];
      const count = backendsOf(frontend).length;
      const name = chainOf(frontend, prefix, side);
      if (name === undefined || names.has(name)) continue;
      const pick = frontend.affinitySeconds === undefined ? random(count) : byClient(count);
      names.set(name, `dnat ip to ${key} . ${pick}${offset} map @${map}`);
    }
  }
  return [...names]
    .map(([name, action]) => `  chain ${name} {\n    meta l4proto { tcp, udp, sctp } ${action}\n  }\n`)
    .join('');
}

function endpointElements(frontends: readonly Frontend[]): string[] {
  const element = (key: string, index: number, { address, port }: Backend): string =>
    `${key} . ${index} : ${address} . ${port}`;
  return frontends.flatMap(({ key, backends, outside = [] }) => [
    ...backends.map((backend, index) => element(key, index, backend)),
    ...outside.map((backend, index) => element(key, outsideOffset + index, backend)),
  ]);
}

/** A chain for each set of ranges: who is of none of them gets no answer. */
function guards(frontends: readonly Frontend[]): { readonly chains: string; readonly elements: string[] } {
  const names = new Map<string, string>();
  const guarded: string[] = [];
  for (const { key, sources } of frontends) {
    if (sources === undefined) continue;
    const allowed = sources.join(', ');
    const name = names.get(allowed) ?? `guard${names.size}`;
    names.set(allowed, name);
    guarded.push(`${key} : goto ${name}`);
  }
  const text = [...names].map(([allowed, name]) => {
    const passes = allowed === '' ? '' : `    ip saddr { ${allowed} } return\n`;
    return `  chain ${name} {\n${passes}    drop\n  }\n`;
  });
  return { chains: text.join(''), elements: guarded };
}

/**
 * Each backend twice. A pod that reaches itself through a service must seem to be the node; so must a client from outside whose
 * backend is behind another node (the next hop is not the backend then), or that node would answer the client past this one.
 */
function hairpins(rules: readonly ServicePortRule[]): string[] {
  const addresses = new Set(
    rules
      .flatMap(({ backends, externalBackends = [], outsideBackends = [] }) => [
        ...backends,
        ...externalBackends,
        ...outsideBackends,
      ])
      .map(({ address }) => address)
      .filter((address) => isIPv4(address)),
  );
  return [...addresses].sort().map((address) => `${address} . ${address}`);
}

/** The text for `nft -f -`: replaces the whole table in one transaction. */
export function renderRuleset(rules: readonly ServicePortRule[], options: RulesetOptions): string {
  const { table, serviceCidr, clusterCidrs } = options;
  const { addressed, nodePorts } = frontendsOf(rules);
  const key = 'ip daddr . meta l4proto . th dport';
  const nodeKey = 'meta l4proto . th dport';
  const guard = guards(addressed);
  const ofCluster = clusterCidrs.length === 0 ? '' : `ip saddr != { ${clusterCidrs.join(', ')} } `;
  const fromOutside = `${ofCluster}fib saddr type != local`;
  const toNodePort = `fib daddr type local ip daddr != 127.0.0.0/8 ${nodeKey}`;
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  map services {
    typeof ${key} : verdict
${elements(verdicts(addressed, 's'))}  }
  map endpoints {
    typeof ${key} . numgen random mod 65536 : ip daddr . th dport
${elements(endpointElements(addressed))}  }
  map nodeports {
    typeof ${nodeKey} : verdict
${elements(verdicts(nodePorts, 'n'))}  }
  map nodeport_endpoints {
    typeof ${nodeKey} . numgen random mod 65536 : ip daddr . th dport
${elements(endpointElements(nodePorts))}  }
  map refused {
    typeof ${key} : verdict
${elements(refusals(addressed))}  }
  map refused_nodeports {
    typeof ${nodeKey} : verdict
${elements(refusals(nodePorts))}  }
  map services_outside {
    typeof ${key} : verdict
${elements(outsideVerdicts(addressed, 's'))}  }
  map nodeports_outside {
    typeof ${nodeKey} : verdict
${elements(outsideVerdicts(nodePorts, 'n'))}  }
  set silenced {
    typeof ${key}
${elements(silenced(addressed))}  }
  set silenced_nodeports {
    typeof ${nodeKey}
${elements(silenced(nodePorts))}  }
  map guarded {
    typeof ${key} : verdict
${elements(guard.elements)}  }
  set hairpins {
    typeof ip saddr . ip daddr
${elements(hairpins(rules))}  }
  chain refuse {
  }
${chains('s', key, 'endpoints', addressed)}${chains('n', nodeKey, 'nodeport_endpoints', nodePorts)}  chain dispatch {
    ${key} vmap @services
    ${toNodePort} vmap @nodeports
  }
  chain outside {
    ${key} vmap @services_outside
    ${toNodePort} vmap @nodeports_outside
  }
${guard.chains}  chain guard {
    type filter hook prerouting priority -105; policy accept;
    ct state new ${key} vmap @guarded
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    ${fromOutside} jump outside
    goto dispatch
  }
  chain output {
    type nat hook output priority -100; policy accept;
    goto dispatch
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat ip saddr . ip daddr @hairpins masquerade
    ct status dnat ct original ip daddr != ${serviceCidr} ip daddr . rt ip nexthop != @hairpins masquerade
  }
  chain refuse_now {
    meta l4proto tcp reject with tcp reset
    reject with icmp type port-unreachable
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state new ${fromOutside} ${key} @silenced drop
    ct state new ${key} vmap @refused
    ct state new ip daddr ${serviceCidr} fib daddr type != local goto refuse_now
  }
  chain input {
    type filter hook input priority filter; policy accept;
    ct state new ${fromOutside} ${key} @silenced drop
    ct state new ${fromOutside} fib daddr type local ${nodeKey} @silenced_nodeports drop
    ct state new fib daddr type local ${nodeKey} vmap @refused_nodeports
  }
  chain local_output {
    type filter hook output priority filter; policy accept;
    ct state new ${key} vmap @refused
    ct state new ip daddr ${serviceCidr} fib daddr type != local goto refuse_now
  }
}
`;
}
