import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { Resident } from './residents.ts';

export { serviceCidr } from './ranges.ts';

/** One range for pods, one for services, one beyond the node. All are inside of namespaces of the bed. */
export const gateway = '10.214.1.1';
export const nodeAddress = '10.214.2.1';
export const outsideAddress = '10.214.2.2';
export const externalAddress = '10.214.3.7';
/** More addresses of the machine outside: clients to a proxy that tells clients by their address. */
export const moreOutsideAddresses: readonly string[] = Array.from(
  { length: 24 },
  (_, index) => `10.214.2.${100 + index}`,
);
export const podAddress = (index: number): string => `10.214.1.${10 + index}`;

/** A node, pods on it, and a machine outside: each a network namespace. */
export class ProxyBed {
  /** Runs the data planes, in the namespace of the node. */
  node!: Resident;
  /** A client on the node itself. */
  onNode!: Resident;
  outside!: Resident;
  readonly pods: Resident[] = [];
  #rule = 0;

  static async open(podCount: number): Promise<ProxyBed> {
    const bed = new ProxyBed();
    try {
      const all = await Promise.all(Array.from({ length: podCount + 2 }, () => Resident.start()));
      const [node, outside, ...pods] = all;
      if (node === undefined || outside === undefined) throw new Error('no residents');
      Object.assign(bed, { node, outside });
      bed.pods.push(...pods);
      bed.onNode = await Resident.start(node);
      await bed.#join();
    } catch (error) {
      await bed.close();
      throw error;
    }
    return bed;
  }

  // Pods hang on the node as a routed network gives it to them: one address, everything by way of the node.
  async #join(): Promise<void> {
    const { node, outside } = this;
    const sysctls = ['ip_forward=1', 'conf.all.send_redirects=0', 'conf.default.send_redirects=0'].map((line) => {
      const [name = '', value = ''] = line.split('=');
      return `echo ${value} > /proc/sys/net/ipv4/${name.replaceAll('.', '/')}`;
    });
    await node.run('sh', ['-c', sysctls.join(' && ')]);
    const lines = ['link set lo up', `link add out type veth peer name eth0 netns ${outside.pid}`];
    // The node knows a way to external addresses, as one with a default route does; none to those of services.
    lines.push(
      `address add ${nodeAddress}/24 dev out`,
      'link set out up',
      `route add 10.214.3.0/24 via ${outsideAddress}`,
    );
    for (const [index, pod] of this.pods.entries()) {
      lines.push(
        `link add pod${index} type veth peer name eth0 netns ${pod.pid}`,
        `address add ${gateway}/32 dev pod${index}`,
        `link set pod${index} up`,
        `route add ${podAddress(index)} dev pod${index}`,
      );
    }
    await node.run('ip', ['-batch', '-'], lines.join('\n'));
    await outside.run(
      'ip',
      ['-batch', '-'],
      [
        'link set lo up',
        `address add ${outsideAddress}/24 dev eth0`,
        ...moreOutsideAddresses.map((address) => `address add ${address}/32 dev eth0`),
        'link set eth0 up',
        `route add default via ${nodeAddress} src ${outsideAddress}`,
      ].join('\n'),
    );
    for (const [index, pod] of this.pods.entries()) {
      const address = podAddress(index);
      const route = `route add ${gateway} dev eth0 scope link\nroute add default via ${gateway}`;
      await pod.run(
        'ip',
        ['-batch', '-'],
        `link set lo up\naddress add ${address}/32 dev eth0\nlink set eth0 up\n${route}`,
      );
    }
  }

  pod(index: number): Resident {
    const pod = this.pods[index];
    if (pod === undefined) throw new Error(`the bed has no pod ${index}`);
    return pod;
  }

  /** A service of its own address, whose backends are the pods with these numbers. */
  rule(
    pods: readonly number[],
    more: Partial<ServicePortRule> & { readonly targetPort?: number } = {},
  ): ServicePortRule {
    const { targetPort = 8080, ...fields } = more;
    const number = ++this.#rule;
    return {
      id: `default/service-${String(number).padStart(4, '0')}:http`,
      protocol: 'TCP',
      port: 80,
      clusterIPs: [`10.215.${number >> 8}.${number & 255}`],
      externalIPs: [],
      nodePort: undefined,
      affinitySeconds: undefined,
      backends: pods.map((index) => ({ address: podAddress(index), port: targetPort, nodeName: 'node' })),
      ...fields,
    };
  }

  /** Links, addresses, routes, tables and listeners of the node, in a form to compare. */
  async traces(): Promise<string> {
    const links = JSON.parse(await this.node.run('ip', ['-json', 'address'])) as {
      readonly ifname: string;
      readonly addr_info?: readonly { readonly local: string }[];
    }[];
    const lines = links.map(({ ifname, addr_info: addresses }) => {
      // The kernel gives and takes link-local ones by itself.
      const own = (addresses ?? []).flatMap(({ local }) => (local.startsWith('fe80:') ? [] : [local]));
      return `${ifname} ${own.join()}`;
    });
    const routes = await this.node.run('sh', ['-c', 'ip -4 route; ip -6 route | grep -v ^fe80:']);
    const sockets = await this.node.run('sh', [
      '-c',
      'tail -qn +2 /proc/net/tcp /proc/net/udp /proc/net/tcp6 /proc/net/udp6 | awk \'$4 == "0A" || $4 == "07" {print $2}\' | sort',
    ]);
    const tables = await this.node.call('run', { program: 'nft', args: ['list', 'tables'] }).then(
      ({ stdout }) => stdout,
      () => 'no nft',
    );
    return [...lines.sort(), routes, sockets, tables].join('\n');
  }

  async close(): Promise<void> {
    const all = [...this.pods, this.outside, this.onNode, this.node] as (Resident | undefined)[];
    await Promise.all(all.map(async (resident) => resident?.stop()));
  }
}
