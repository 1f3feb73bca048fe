/** Addresses of IPv6 on a bed that has those of IPv4. */
import type { ProxyBed } from '@timonel/testkit/contracts/proxy';

export const outsideAddress6 = 'fd00:214:2::2';
export const podAddress6 = (index: number): string => `fd00:214:1::${(10 + index).toString(16)}`;

/** Of the node, on each link of a pod. */
const gateway6 = 'fe80::1';
const nodeAddress6 = 'fd00:214:2::1';

/** Pods hang on the node as with IPv4: one address, everything by way of the node. */
export async function addIpv6(bed: ProxyBed): Promise<void> {
  const { node, outside, pods } = bed;
  await node.run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding']);
  const lines = pods.flatMap((_, index) => [
    `address add ${gateway6}/64 dev pod${index} nodad`,
    `route add ${podAddress6(index)}/128 dev pod${index}`,
  ]);
  await node.run('ip', ['-6', '-batch', '-'], [`address add ${nodeAddress6}/64 dev out nodad`, ...lines].join('\n'));
  const ends = [
    { of: outside, address: `${outsideAddress6}/64`, gateway: nodeAddress6 },
    ...pods.map((of, index) => ({ of, address: `${podAddress6(index)}/128`, gateway: gateway6 })),
  ];
  for (const { of, address, gateway } of ends) {
    const route = `route add default via ${gateway} dev eth0`;
    await of.run('ip', ['-6', '-batch', '-'], `address add ${address} dev eth0 nodad\n${route}`);
  }
}
