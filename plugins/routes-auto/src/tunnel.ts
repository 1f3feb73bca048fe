/**
 * One VXLAN link to the nodes that are on other links. Nothing is learned from packets: which machine has which range is written into
 * the link's tables. The addresses of a tunnel's ends follow from the ranges of their nodes, so that nobody has to tell them.
 */
import { createHash } from 'node:crypto';
import { formatIp, formatIpRange, type IpFamily, type IpRange } from '@timonel/sdk/contracts/network';
import { commandFailed, rowsOf, runBatch, type RunProgram } from './ip.ts';
import type { Hop } from './kernel-routes.ts';

/** Bytes that the tunnel adds to each packet: Ethernet, VXLAN, UDP, and the header of the family that it goes over. */
export const vxlanOverheadBytes: Readonly<Record<IpFamily, number>> = { 4: 14 + 8 + 8 + 20, 6: 14 + 8 + 8 + 40 };
const leastMtuBytes = 576;

/** A node as the tunnel sees it. */
export interface TunnelEnd {
  /** Of its pods: the first one stands for it in the tunnel. */
  readonly ranges: readonly IpRange[];
  /** Of its machine. */
  readonly address: string;
}

export interface TunnelOptions {
  /** Name of the link. */
  readonly link: string;
  readonly vni: number;
  readonly port: number;
}

export interface OwnEnd extends Pick<TunnelEnd, 'ranges'> {
  /** From which packets are sent; absent: the kernel chooses. */
  readonly address: string | undefined;
  /** What the tunnel goes over. */
  readonly family: IpFamily;
  /** Of the links that it goes over. */
  readonly mtuBytes: number;
}

interface LinkRow {
  readonly address?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: {
      readonly id?: number;
      readonly port?: number;
      readonly local?: string;
      readonly local6?: string;
    };
  };
  readonly addr_info?: readonly { readonly family?: string; readonly local?: string }[];
}

/** 40 bits that differ between the nodes of a cluster. */
function numberOf([range]: readonly IpRange[]): bigint {
  if (range === undefined) return 0n;
  if (range.family === 4) return (0x58n << 32n) | range.first;
  const digest = createHash('sha256').update(formatIpRange(range)).digest('hex');
  return BigInt(`0x${digest.slice(0, 10)}`);
}

/** Locally administered. */
function macOf(ranges: readonly IpRange[]): string {
  const digits = numberOf(ranges).toString(16).padStart(10, '0');
  return `0e:${digits.match(/../g)?.join(':')}`;
}

/** The address of a node's end within the tunnels, of each family: with IPv4 the first of its range, which no pod has. */
function gatewayOf(ranges: readonly IpRange[], family: IpFamily): string {
  if (family === 6) return formatIp({ family, value: (0xfe80n << 112n) | numberOf(ranges) });
  return formatIp({ family, value: ranges.find((range) => range.family === 4)?.first ?? 0n });
}

export class Tunnel {
  readonly #run: RunProgram;
  readonly #options: TunnelOptions;

  constructor(run: RunProgram, options: TunnelOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Of the route to the pods of a node that have addresses of this family. */
  hopTo(ranges: readonly IpRange[], family: IpFamily): Hop {
    return { gateway: gatewayOf(ranges, family), dev: this.#options.link, isOnLink: true };
  }

  /** Makes the link, and makes its tables those of the peers. @throws CommandError */
  async sync(own: OwnEnd, peers: readonly TunnelEnd[]): Promise<void> {
    await this.#ensureLink(own);
    await this.#syncNeighbours(peers);
    await this.#syncForwarding(peers);
  }

  /** Its routes go with it. */
  async remove(): Promise<void> {
    const { link } = this.#options;
    if ((await this.#read()) === undefined) return;
    const result = await this.#run('ip', ['link', 'delete', 'dev', link]);
    if (result.status !== 0 && !/Cannot find device/.test(result.stderr)) throw commandFailed('ip link delete', result);
  }

  async #read(): Promise<LinkRow | undefined> {
    const { link } = this.#options;
    const result = await this.#run('ip', ['-j', '-d', 'address', 'show', 'dev', link]);
    if (/does not exist|Cannot find device/.test(result.stderr)) return undefined;
    if (result.status !== 0) throw commandFailed('ip address show', result);
    // iproute2 prints empty objects for the links that it leaves out.
    return (JSON.parse(result.stdout || '[]') as LinkRow[]).find(({ linkinfo }) => linkinfo !== undefined);
  }

  async #ensureLink(own: OwnEnd): Promise<void> {
    const { link, vni, port } = this.#options;
    const found = await this.#read();
    const mac = macOf(own.ranges);
    const data = found?.linkinfo?.info_kind === 'vxlan' ? found.linkinfo.info_data : undefined;
    const local = data?.local ?? data?.local6;
    const isOurs = data?.id === vni && data.port === port && local === own.address && found?.address === mac;
    const mtuBytes = Math.max(own.mtuBytes - vxlanOverheadBytes[own.family], leastMtuBytes);
    // For what the node itself sends to pods. With IPv6 another address of the node does.
    const wanted = own.ranges.some(({ family }) => family === 4) ? [gatewayOf(own.ranges, 4)] : [];
    const shown = (isOurs ? (found?.addr_info ?? []) : []).filter(({ family }) => family === 'inet');
    const addresses = shown.map(({ local: address = '' }) => address);
    const isUp = isOurs && found?.mtu === mtuBytes && found.flags?.includes('UP') === true;
    if (isUp && addresses.join() === wanted.join()) return;
    const from = own.address === undefined ? '' : ` local ${own.address}`;
    const lines = [
      ...(found === undefined || isOurs ? [] : [`link delete dev ${link}`]),
      ...(isOurs
        ? addresses.map((address) => `address delete ${address}/32 dev ${link}`)
        : [
            `link add name ${link} address ${mac} type vxlan id ${vni}${from} dstport ${port} nolearning`,
            // Before the MTU: below 1280 a link has no IPv6 whose addresses could be ruled out.
            `link set dev ${link} addrgenmode none`,
          ]),
      `link set dev ${link} mtu ${mtuBytes}`,
      ...wanted.map((address) => `address add ${address}/32 dev ${link}`),
      `link set dev ${link} up`,
    ];
    const result = await this.#run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    if (result.status !== 0) throw new Error(this.#reasonOf(result.stderr));
  }

  async #syncNeighbours(peers: readonly TunnelEnd[]): Promise<void> {
    const { link } = this.#options;
    const shown = ['-j', 'neigh', 'show', 'dev', link, 'nud', 'permanent'];
    const rows = await rowsOf<{ dst?: string; lladdr?: string }>(this.#run, 'ip', shown);
    const before = new Map(rows.map(({ dst = '', lladdr = '' }) => [dst, lladdr]));
    const wanted = new Map(
      peers.flatMap(({ ranges }) => ranges.map(({ family }) => [gatewayOf(ranges, family), macOf(ranges)] as const)),
    );
    const { gone, changed } = difference(before, wanted);
    await this.#batch('ip', [
      ...gone.map(([address]) => `neigh del ${address} dev ${link}`),
      ...changed.map(([address, mac]) => `neigh replace ${address} lladdr ${mac} dev ${link} nud permanent`),
    ]);
  }

  /** To which machine frames for a peer's end are sent. */
  async #syncForwarding(peers: readonly TunnelEnd[]): Promise<void> {
    const { link } = this.#options;
    const rows = await rowsOf<{ mac?: string; dst?: string }>(this.#run, 'bridge', ['-j', 'fdb', 'show', 'dev', link]);
    const before = new Map(rows.map(({ mac = '', dst = '' }) => [mac, dst]));
    const wanted = new Map(peers.map(({ ranges, address }) => [macOf(ranges), address]));
    const { gone, changed } = difference(before, wanted);
    await this.#batch('bridge', [
      ...gone.map(([mac, address]) => `fdb del ${mac} dev ${link}${address === '' ? '' : ` dst ${address}`}`),
      ...changed.map(([mac, address]) => `fdb replace ${mac} dev ${link} dst ${address}`),
    ]);
  }

  async #batch(program: 'ip' | 'bridge', lines: readonly string[]): Promise<void> {
    const problem = await runBatch(this.#run, program, lines);
    if (problem !== '') throw commandFailed(program, { status: 1, stdout: '', stderr: problem });
  }

  /** Says what to do, where the kernel's words do not. */
  #reasonOf(message: string): string {
    const { vni, port } = this.#options;
    if (/Unknown device type/.test(message)) {
      return 'the kernel has no VXLAN ("modprobe vxlan"), without which nodes have to be on one link';
    }
    if (/VNI already exists|File exists/.test(message)) {
      return `another VXLAN link of this machine has the number ${vni} at port ${port}: give all nodes another vni or tunnelPort (configuration of routes-auto)`;
    }
    return `no VXLAN link can be made: ${message.trim().split('\n')[0] ?? ''}`;
  }
}

function difference(
  before: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
): { readonly gone: readonly (readonly [string, string])[]; readonly changed: readonly (readonly [string, string])[] } {
  return {
    gone: [...before].filter(([key]) => !wanted.has(key)),
    changed: [...wanted].filter(([key, value]) => before.get(key) !== value),
  };
}
