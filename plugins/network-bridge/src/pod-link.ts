import type { Timers } from '@timonel/sdk';
import { NetworkError, type Bandwidth, type NetworkWarning } from '@timonel/sdk/contracts/network';
import { bandwidthScript } from './bandwidth.ts';
import { commandFailed } from './command.ts';
import { LinkShell } from './link-shell.ts';
import { ifbOf, podInterface } from './names.ts';
import { routeMtuScript, routeMtuText } from './route-mtu.ts';

export interface LinkAddress {
  readonly address: string;
  readonly gateway: string;
}

export interface PodLink {
  readonly veth: string;
  readonly bridge: string;
  readonly networkNamespace: string;
  readonly macAddress: string;
  readonly mtuBytes: number;
  /** Of the routes; undefined: that of the link. */
  readonly routeMtuBytes: number | undefined;
  /** Of one family at least. */
  readonly ipv4: LinkAddress | undefined;
  readonly ipv6: LinkAddress | undefined;
  readonly isIsolated: boolean;
  readonly bandwidth: Bandwidth | undefined;
}

// A pod must not take redirects: see Bridge.
const insideScript = `for i in all default ${podInterface}; do
  echo 0 >/proc/sys/net/ipv4/conf/$i/accept_redirects
done 2>/dev/null
exec ip -batch -`;
// To a link without an IPv6 address of the cluster the kernel would give one of the link, by which pods whose ports are not isolated
// reach each other past all policies. The loopback keeps ::1, and sockets of both families are as ever.
const insideScript4 = `{ echo 1 >/proc/sys/net/ipv6/conf/${podInterface}/disable_ipv6; } 2>/dev/null
${insideScript}`;
const insideScript6 = `for i in all default ${podInterface}; do
  for name in accept_redirects accept_ra disable_ipv6; do
    echo 0 >/proc/sys/net/ipv6/conf/$i/$name
  done
done 2>/dev/null
${insideScript}`;

/** Makes and deletes the links of pods. */
export class PodLinks {
  readonly #shell: LinkShell;
  readonly #group: number;
  /** Links that are to be deleted, and the run that will do it. */
  readonly #doomed: Set<string> = new Set();
  #deleting: Promise<void> | undefined;
  #deletions: Promise<unknown> = Promise.resolve();

  /** `group`: of links, that nobody else on this machine uses. */
  constructor(timers: Timers, group: number) {
    this.#shell = new LinkShell(timers);
    this.#group = group;
  }

  /**
   * Makes the link of a pod. The pod has its addresses alone (/32, /128) and sends all through the gateway, also to pods beside
   * it: so every packet passes the node's routing, where services and policies are applied, without br_netfilter. Isolated
   * ports do not reach each other, which also stops ARP and address spoofing between pods. Nobody has to be told of a new pod
   * by ARP: its MAC address is made of its address, so what neighbours remember of an earlier pod is right.
   */
  async create(link: PodLink): Promise<readonly NetworkWarning[]> {
    checkPath(link.networkNamespace);
    const result = await this.#shell.run(attachScript(link));
    if (result.status === 0) return this.#limit(link);
    await this.delete([link.veth]);
    throw commandFailed(`making the link of a pod (namespace ${link.networkNamespace})`, result);
  }

  /** Deletes links, both ends; absent ones are no error. The kernel takes as long for many as for one. */
  delete(veths: readonly string[]): Promise<void> {
    if (veths.length === 0) return Promise.resolve();
    for (const veth of veths) this.#doomed.add(veth);
    this.#deleting ??= this.#deleteDoomed();
    return this.#deleting;
  }

  /** Tells a pod that runs how large packets may be that it sends through these gateways. */
  async limitRoutes(networkNamespace: string, bytes: number, gateways: readonly string[]): Promise<void> {
    checkPath(networkNamespace);
    const result = await this.#shell.run(routeMtuScript(networkNamespace, bytes, gateways));
    if (result.status !== 0) throw commandFailed('ip route change', result);
  }

  close(): Promise<void> {
    return this.#shell.close();
  }

  async #limit({ veth, bandwidth, mtuBytes }: PodLink): Promise<readonly NetworkWarning[]> {
    if (bandwidth === undefined) return [];
    const { status, stderr } = await this.#shell.run(bandwidthScript(veth, bandwidth, mtuBytes));
    if (status === 0) return [];
    const message = `the limits of bandwidth are not enforced by this node: ${stderr.trim().slice(0, 500)}`;
    return [{ reason: 'BandwidthNotLimited', message }];
  }

  // The next run begins when this one has, so that it takes along all that is doomed by then.
  async #deleteDoomed(): Promise<void> {
    await this.#deletions;
    const veths = [...this.#doomed];
    this.#doomed.clear();
    this.#deleting = undefined;
    const run = this.#shell.run(deleteScript(veths, this.#group));
    this.#deletions = run.catch(() => undefined);
    const { status, stderr } = await run;
    const serious = stderr
      .split('\n')
      .filter((line) => line.trim() !== '' && !/Cannot find device|No such device|^Command failed/.test(line));
    if (status !== 0 && serious.length > 0) {
      throw commandFailed('ip link delete', { status, stdout: '', stderr: serious.join('\n') });
    }
  }
}

function attachScript(link: PodLink): string {
  const { veth, bridge, networkNamespace, mtuBytes, routeMtuBytes, macAddress, ipv4, ipv6 } = link;
  const [mtu4, mtu6] = [routeMtuText(routeMtuBytes, 4), routeMtuText(routeMtuBytes, 6)];
  const inside = [
    'link set lo up',
    ...(ipv4 === undefined ? [] : [`addr add ${ipv4.address}/32 dev ${podInterface}`]),
    `link set ${podInterface} up`,
    ...(ipv4 === undefined ? [] : routeLines(ipv4, 'scope link', mtu4)),
    ...(ipv6 === undefined ? [] : [`addr add ${ipv6.address}/128 dev ${podInterface} nodad`]),
    ...(ipv6 === undefined ? [] : routeLines(ipv6, '', mtu6)),
  ];
  return `ip -batch - <<'HOST' && nsenter --net='${networkNamespace}' sh -c '${ipv6 === undefined ? insideScript4 : insideScript6}' <<'POD'
link add ${veth} mtu ${mtuBytes} type veth peer name ${podInterface} mtu ${mtuBytes} address ${macAddress} netns "${networkNamespace}"
link set ${veth} master ${bridge} addrgenmode none up
link set ${veth} type bridge_slave hairpin on isolated ${link.isIsolated ? 'on' : 'off'}
HOST
${inside.join('\n')}
POD`;
}

function routeLines({ gateway }: LinkAddress, scope: string, mtu: string): readonly string[] {
  return [
    `route add ${gateway} dev ${podInterface} ${scope}`,
    `route add default via ${gateway} dev ${podInterface}${mtu}`,
  ];
}

// Of links that go one by one the kernel waits for each, some 20 ms; those of a group go together.
function deleteScript(veths: readonly string[], group: number): string {
  const links = veths.flatMap((veth) => [veth, ifbOf(veth)]);
  const lines = [...links.map((link) => `link set dev ${link} group ${group}`), `link delete group ${group}`];
  return `ip -force -batch - <<'END'\n${lines.join('\n')}\nEND`;
}

// ip splits batch lines at white space, and knows quotes but no escape in them.
function checkPath(path: string): void {
  if (path.startsWith('/') && !/["'\n\r\0]/.test(path)) return;
  throw new NetworkError('NO_NAMESPACE', `${JSON.stringify(path)} cannot be the path of a network namespace`);
}
