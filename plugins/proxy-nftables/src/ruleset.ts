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
}

interface Frontend {
  /** `10.96.0.1 . tcp . 80` */
  readonly key: string;
  readonly backends: readonly Backend[];
  readonly affinitySeconds: number | undefined;
  /** Ranges that its clients must be of; undefined: anybody. */
  readonly sources?: readonly string[] | undefined;
}

/** Loopback, unspecified, link-local, multicast and broadcast: no service may take traffic that a machine sends to itself. */
function isOfMachine(address: string): boolean {
  return /^(0|127|169\.254|22[4-9]|2[345]\d)\./.test(address);
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
    const backends = rule.backends.filter(({ address }) => isIPv4(address));
    const common = { backends, affinitySeconds: rule.affinitySeconds };
    const external = rule.externalIPs.filter((address) => !isOfMachine(address));
    for (const address of [...rule.clusterIPs, ...external].filter((one) => isIPv4(one))) {
      const sources = rule.restricted?.addresses.includes(address) === true ? rule.restricted.sources : undefined;
      add(addressed, { key: `${address} . ${protocol} . ${rule.port}`, ...common, sources });
    }
    if (rule.nodePort !== undefined) add(nodePorts, { key: `${protocol} . ${rule.nodePort}`, ...common });
  }
  return { addressed: [...addressed.values()], nodePorts: [...nodePorts.values()] };
}

const random = (count: number): string => `numgen random mod ${count}`;
/** The same client reaches the same backend as long as the set of backends stays. */
const byClient = (count: number): string => `jhash ip saddr mod ${count}`;

function verdict(frontend: Frontend, prefix: string): string {
  const count = frontend.backends.length;
  if (count === 0) return 'goto refuse';
  return `goto ${prefix}${frontend.affinitySeconds === undefined ? 'r' : 'h'}${count}`;
}

function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : `    elements = {\n      ${list.join(',\n      ')}\n    }\n`;
}

function chains(prefix: string, key: string, map: string, frontends: readonly Frontend[]): string {
  const names = new Map<string, string>();
  for (const frontend of frontends) {
    const count = frontend.backends.length;
    if (count === 0) continue;
    const hashed = frontend.affinitySeconds !== undefined;
    const pick = hashed ? byClient(count) : random(count);
    names.set(`${prefix}${hashed ? 'h' : 'r'}${count}`, `dnat ip to ${key} . ${pick} map @${map}`);
  }
  return [...names]
    .map(([name, action]) => `  chain ${name} {\n    meta l4proto { tcp, udp, sctp } ${action}\n  }\n`)
    .join('');
}

function endpointElements(frontends: readonly Frontend[]): string[] {
  return frontends.flatMap((frontend) =>
    frontend.backends.map((backend, index) => `${frontend.key} . ${index} : ${backend.address} . ${backend.port}`),
  );
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
    rules.flatMap((rule) => rule.backends.map((backend) => backend.address)).filter((address) => isIPv4(address)),
  );
  return [...addresses].sort().map((address) => `${address} . ${address}`);
}

/** The text for `nft -f -`: replaces the whole table in one transaction. */
export function renderRuleset(rules: readonly ServicePortRule[], options: RulesetOptions): string {
  const { table, serviceCidr } = options;
  const { addressed, nodePorts } = frontendsOf(rules);
  const key = 'ip daddr . meta l4proto . th dport';
  const nodeKey = 'meta l4proto . th dport';
  const guard = guards(addressed);
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  map services {
    typeof ${key} : verdict
${elements(addressed.map((frontend) => `${frontend.key} : ${verdict(frontend, 's')}`))}  }
  map endpoints {
    typeof ${key} . numgen random mod 65536 : ip daddr . th dport
${elements(endpointElements(addressed))}  }
  map nodeports {
    typeof ${nodeKey} : verdict
${elements(nodePorts.map((frontend) => `${frontend.key} : ${verdict(frontend, 'n')}`))}  }
  map nodeport_endpoints {
    typeof ${nodeKey} . numgen random mod 65536 : ip daddr . th dport
${elements(endpointElements(nodePorts))}  }
  map refused {
    typeof ${key} : verdict
${elements(addressed.filter((frontend) => frontend.backends.length === 0).map((frontend) => `${frontend.key} : goto refuse_now`))}  }
  map refused_nodeports {
    typeof ${nodeKey} : verdict
${elements(nodePorts.filter((frontend) => frontend.backends.length === 0).map((frontend) => `${frontend.key} : goto refuse_now`))}  }
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
    fib daddr type local ip daddr != 127.0.0.0/8 ${nodeKey} vmap @nodeports
  }
${guard.chains}  chain guard {
    type filter hook prerouting priority -105; policy accept;
    ct state new ${key} vmap @guarded
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
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
    ct state new ${key} vmap @refused
    ct state new ip daddr ${serviceCidr} fib daddr type != local goto refuse_now
  }
  chain input {
    type filter hook input priority filter; policy accept;
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
