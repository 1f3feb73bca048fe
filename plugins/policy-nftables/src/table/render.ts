import { nftChain, nftElementChanges, nftSet } from '@timonel/sdk/nftables';
import type { PeerSet, PolicyContent } from './content.ts';

/** After the refusals of services are known, before anybody else's filters count: both must let a packet pass. */
const hook = 'type filter hook forward priority filter - 1; policy accept;';
const maps = { ingress: 'type ipv4_addr : verdict', egress: 'type ipv4_addr : verdict' } as const;
const ownType = 'type ipv4_addr . ipv4_addr';
const peerTypes = { addresses: 'type ipv4_addr', ports: 'type ipv4_addr . inet_proto . inet_service' } as const;

/** Only new connections are looked at: a change of policies ends none that is there. What the sender may send comes first. */
const forward = [
  hook,
  'ct state established,related accept',
  'ip saddr . ip daddr @own accept',
  'ip saddr vmap @egress',
  'ip daddr vmap @ingress',
];

function peerSet(name: string, { kind, elements }: PeerSet): string {
  return nftSet('set', name, [peerTypes[kind]], elements);
}

/** The text for `nft -f -`: replaces the whole table in one transaction. */
export function renderPolicies(content: PolicyContent, table: string): string {
  const { sets, chains, ingress, egress, own } = content;
  const parts = [
    ...[...sets].map(([name, set]) => peerSet(name, set)),
    ...[...chains].map(([name, lines]) => nftChain(name, lines)),
    nftSet('map', 'ingress', [maps.ingress], ingress),
    nftSet('map', 'egress', [maps.egress], egress),
    nftSet('set', 'own', [ownType], own),
    nftChain('forward', forward),
  ];
  return `table ip ${table}\ndelete table ip ${table}\ntable ip ${table} {\n${parts.join('')}}\n`;
}

/** The text for `nft -f -` that makes `after` of `before` in one transaction; '' when they are equal. */
export function renderPolicyChanges(before: PolicyContent, after: PolicyContent, table: string): string {
  const place = (name: string): string => `ip ${table} ${name}`;
  const newSets = [...after.sets].filter(([name]) => !before.sets.has(name));
  const newChains = [...after.chains].filter(([name]) => !before.chains.has(name));
  const added = [
    ...newSets.map(([name, set]) => peerSet(name, set)),
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
  const head = added === '' ? '' : `table ip ${table} {\n${added}}\n`;
  const lines = [...elements, ...removed];
  return `${head}${lines.length === 0 ? '' : `${lines.join('\n')}\n`}`;
}
