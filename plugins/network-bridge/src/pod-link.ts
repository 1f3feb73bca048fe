import { NetworkError } from '@timonel/sdk/contracts/network';
import { commandFailed, run } from './command.ts';

/** Name of the link inside of a pod. */
export const podInterface = 'eth0';

export interface PodLink {
  readonly veth: string;
  readonly bridge: string;
  readonly networkNamespace: string;
  readonly address: string;
  readonly macAddress: string;
  readonly gateway: string;
  readonly mtuBytes: number;
  readonly isIsolated: boolean;
}

// One process to start for Node, which is the slow part; the shell runs one `ip` outside and one inside of the pod.
// A pod must not take redirects: see Bridge. All values come as arguments, none is part of the script.
const attachScript = `set -e
ip -batch - <<END
$2
END
exec nsenter --net="$1" sh -c '
for interface in all default ${podInterface}; do
  echo 0 > /proc/sys/net/ipv4/conf/$interface/accept_redirects
done 2>/dev/null || :
exec ip -batch - <<END
$1
END
' sh "$3"
`;

/**
 * Makes the link of a pod. The pod has its address alone (/32) and sends all through the gateway, also to pods beside
 * it: so every packet passes the node's routing, where services and policies are applied, without br_netfilter. Isolated
 * ports do not reach each other, which also stops ARP and address spoofing between pods.
 */
export async function createPodLink(link: PodLink): Promise<void> {
  const { veth, bridge, address, gateway, mtuBytes } = link;
  const host = [
    `link add ${veth} mtu ${mtuBytes} type veth peer name ${podInterface} mtu ${mtuBytes} address ${link.macAddress} netns ${quote(link.networkNamespace)}`,
    `link set ${veth} master ${bridge} addrgenmode none up`,
    `link set ${veth} type bridge_slave hairpin on isolated ${link.isIsolated ? 'on' : 'off'}`,
  ];
  const pod = [
    'link set lo up',
    `addr add ${address}/32 dev ${podInterface}`,
    `link set ${podInterface} up`,
    `route add ${gateway} dev ${podInterface} scope link`,
    `route add default via ${gateway} dev ${podInterface}`,
  ];
  const result = await run('sh', ['-c', attachScript, 'sh', link.networkNamespace, host.join('\n'), pod.join('\n')]);
  if (result.status === 0) return;
  await deleteLinks([veth]);
  throw commandFailed(`making the link of a pod (namespace ${link.networkNamespace})`, result);
}

/** Deletes links, both ends; absent ones are no error. */
export async function deleteLinks(veths: readonly string[]): Promise<void> {
  if (veths.length === 0) return;
  const lines = veths.map((veth) => `link delete dev ${veth}`).join('\n');
  const result = await run('ip', ['-force', '-batch', '-'], `${lines}\n`);
  if (result.status === 0) return;
  const serious = result.stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/Cannot find device|No such device|^Command failed/.test(line));
  if (serious.length > 0) throw commandFailed('ip link delete', { ...result, stderr: serious.join('\n') });
}

// ip splits batch lines at white space, and knows quotes but no escape in them.
function quote(path: string): string {
  if (!path.startsWith('/') || /["\n\r\0]/.test(path)) {
    throw new NetworkError('NO_NAMESPACE', `${JSON.stringify(path)} cannot be the path of a network namespace`);
  }
  return `"${path}"`;
}
