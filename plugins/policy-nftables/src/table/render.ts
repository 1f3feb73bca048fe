import { nftChain, nftElementChanges, nftSet } from '@timonel/sdk/nftables';
import type { FamilyContent, PeerSet, PolicyContent } from './content.ts';

/** After the refusals of services are known, before anybody else's filters count: both must let a packet pass. */
const hook = 'type filter hook forward priority filter - 1; policy accept;';

/** What the families call what they share. */
const families = {
  ip: { type: 'ipv4_addr', unruled: [] },
  // Frames between ports of one bridge come by here where br_netfilter is; what is routed has a lower hop limit by now.
  ip6: {
    type: 'ipv6_addr',
    unruled: ['ip6 hoplimit 255 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept'],
  },
} as const;
type Ip = keyof typeof families;

/** Only new connections are looked at: a change of policies ends none that is there. What the sender may send comes first. */
function forward(ip: Ip): readonly string[] {
  return [
    hook,
    'ct state established,related accept',
    ...families[ip].unruled,
    `${ip} saddr . ${ip} daddr @own accept`,
    `${ip} saddr vmap @egress`,
    `${ip} daddr vmap @ingress`,
  ];
}

function peerSet(ip: Ip, name: string, { kind, elements }: PeerSet): string {
  const { type } = families[ip];
  return nftSet(
    'set',
    name,
    [kind === 'addresses' ? `type ${type}` : `type ${type} . inet_proto . inet_service`],
    elements,
  );
}

/** The text for `nft -f -`: replaces the whole table in one transaction. */
export function renderPolicies(content: PolicyContent, table: string): string {
  return `${renderFamily('ip', content, table)}${content.ipv6 === undefined ? '' : renderFamily('ip6', content.ipv6, table)}`;
}

function removalOf(ip: Ip, table: string): string {
  // `add` first: deleting a table that is absent is an error.
  return `add table ${ip} ${table}\ndelete table ${ip} ${table}\n`;
}

function renderFamily(ip: Ip, content: FamilyContent, table: string): string {
  const { sets, chains, ingress, egress, own } = content;
  const { type } = families[ip];
  const parts = [
    ...[...sets].map(([name, set]) => peerSet(ip, name, set)),
    ...[...chains].map(([name, lines]) => nftChain(name, lines)),
    nftSet('map', 'ingress', [`type ${type} : verdict`], ingress),
    nftSet('map', 'egress', [`type ${type} : verdict`], egress),
    nftSet('set', 'own', [`type ${type} . ${type}`], own),
    nftChain('forward', forward(ip)),
  ];
  return `${removalOf(ip, table)}table ${ip} ${table} {\n${parts.join('')}}\n`;
}

/** The text for `nft -f -` that makes `after` of `before` in one transaction; '' when they are equal. */
export function renderPolicyChanges(before: PolicyContent, after: PolicyContent, table: string): string {
  const changes = familyChanges('ip', before, after, table);
  if (after.ipv6 === undefined) return before.ipv6 === undefined ? changes : `${changes}${removalOf('ip6', table)}`;
  if (before.ipv6 === undefined) return `${changes}${renderFamily('ip6', after.ipv6, table)}`;
  return `${changes}${familyChanges('ip6', before.ipv6, after.ipv6, table)}`;
}

function familyChanges(ip: Ip, before: FamilyContent, after: FamilyContent, table: string): string {
  const place = (name: string): string => `${ip} ${table} ${name}`;
  const newSets = [...after.sets].filter(([name]) => !before.sets.has(name));
  const newChains = [...after.chains].filter(([name]) => !before.chains.has(name));
  const added = [
    ...newSets.map(([name, set]) => peerSet(ip, name, set)),
    ...newChains.map(([name, lines]) => nftChain(name, lines)),
  ].join('');
  const elements = [
    ...[...after.sets].flatMap(([name, { elements: now }]) => {
      const old = before.sets.get(name);
      return old === undefined ? [] : nftElementChanges(place(name), old.elements, now);
    }),
    ...nftElementChanges(place('own'), before.own, after.own),
    ...nftElementChanges(place('ingress'), before.ingress, after.ingress),
    ...nftElementChanges(place('egress'), before.egress, after.egress),
  ];
  const gone = (old: ReadonlyMap<string, unknown>, now: ReadonlyMap<string, unknown>): string[] =>
    [...old.keys()].filter((name) => !now.has(name));
  const removed = [
    ...gone(before.chains, after.chains).flatMap((name) => [
      `flush chain ${place(name)}`,
      `delete chain ${place(name)}`,
    ]),
    ...gone(before.sets, after.sets).map((name) => `delete set ${place(name)}`),
  ];
  const head = added === '' ? '' : `table ${ip} ${table} {\n${added}}\n`;
  const lines = [...elements, ...removed];
  return `${head}${lines.length === 0 ? '' : `${lines.join('\n')}\n`}`;
}
