/** Addresses of IPv6 on a bed that has those of IPv4. */
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import type { ProxyBed } from './bed.ts';
import { podCidr6 } from './ranges.ts';

export const nodeAddress6 = 'fd00:214:2::1';
export const outsideAddress6 = 'fd00:214:2::2';
export const externalAddress6 = 'fd00:214:3::7';
/** More addresses of the machine outside. */
export const moreOutsideAddresses6: readonly string[] = Array.from(
  { length: 24 },
  (_, index) => `fd00:214:2::${(100 + index).toString(16)}`,
);
export const podAddress6 = (index: number): string => `${podCidr6.split('/')[0]}${(10 + index).toString(16)}`;

/** Of the node, on each link of a pod. */
const gateway6 = 'fe80::1';

/** Pods hang on the node as with IPv4: one address, everything by way of the node. */
export async function addIpv6(bed: ProxyBed): Promise<void> {
  const { node, outside, pods } = bed;
  await node.run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding']);
  const lines = [
    `address add ${nodeAddress6}/64 dev out nodad`,
    `route add fd00:214:3::/64 via ${outsideAddress6}`,
    ...pods.flatMap((_, index) => [
      `address add ${gateway6}/64 dev pod${index} nodad`,
      `address add ${podCidr6.split('/')[0]}1/128 dev pod${index} nodad`,
      `route add ${podAddress6(index)}/128 dev pod${index}`,
    ]),
  ];
  await node.run('ip', ['-6', '-batch', '-'], lines.join('\n'));
  // The kernel takes the one that was added last for packets that do not say.
  const ofOutside = [...moreOutsideAddresses6.map((address) => `${address}/128`), `${outsideAddress6}/64`];
  const ends = [
    { of: outside, addresses: ofOutside, gateway: nodeAddress6 },
    ...pods.map((of, index) => ({ of, addresses: [`${podAddress6(index)}/128`], gateway: gateway6 })),
  ];
  for (const { of, addresses, gateway } of ends) {
    const own = addresses.map((address) => `address add ${address} dev eth0 nodad`);
    await of.run('ip', ['-6', '-batch', '-'], [...own, `route add default via ${gateway} dev eth0`].join('\n'));
  }
}

/** A rule of IPv4 as one of IPv6, with these pods, or of both. */
export function withIpv6(rule: ServicePortRule, pods: readonly number[], isDual = false): ServicePortRule {
  const [, , high = '0', low = '0'] = (rule.clusterIPs[0] ?? '').split('.');
  const port = rule.backends[0]?.port ?? 8080;
  const backends = pods.map((index) => ({ address: podAddress6(index), port, nodeName: 'node' }));
  const address = `fd00:215::${(Number(high) * 256 + Number(low)).toString(16)}`;
  return {
    ...rule,
    clusterIPs: [...(isDual ? rule.clusterIPs : []), address],
    backends: [...(isDual ? rule.backends : []), ...backends],
  };
}
