/**
 * One VXLAN link to the nodes that are on other links. Nothing is learned from packets: which machine has which range is written into
 * the link's tables. The addresses of a tunnel's ends follow from the ranges of their nodes, so that nobody has to tell them.
 */
import { formatIpv4, parseIpv4Range } from '@timonel/sdk/contracts/network';
import { commandFailed, rowsOf, runBatch, type RunProgram } from './ip.ts';
import type { Hop } from './kernel-routes.ts';

/** Bytes that the tunnel adds to each packet: Ethernet, VXLAN, UDP and IPv4. */
const overheadBytes = 14 + 8 + 8 + 20;
const leastMtuBytes = 576;

export interface TunnelPeer {
  /** Range of its pods. */
  readonly cidr: string;
  /** Of its machine. */
  readonly address: string;
}

export interface TunnelOptions {
  /** Name of the link. */
  readonly link: string;
  readonly vni: number;
  readonly port: number;
}

export interface OwnEnd {
  readonly cidr: string;
  /** From which packets are sent; absent: the kernel chooses. */
  readonly address: string | undefined;
  /** Of the links that they are sent through. */
  readonly mtuBytes: number;
}

interface LinkRow {
  readonly address?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: { readonly id?: number; readonly port?: number; readonly local?: string };
  };
  readonly addr_info?: readonly { readonly family?: string; readonly local?: string }[];
}

/** The address of a node's end within the tunnels: the first of its range, which no pod has. */
function gatewayOf(cidr: string): string {
  return formatIpv4(parseIpv4Range(cidr)?.first ?? 0);
}

/** Locally administered. */
function macOf(cidr: string): string {
  const bytes = gatewayOf(cidr).split('.');
  return `0e:58:${bytes.map((part) => Number(part).toString(16).padStart(2, '0')).join(':')}`;
}

export class Tunnel {
  readonly #run: RunProgram;
  readonly #options: TunnelOptions;

  constructor(run: RunProgram, options: TunnelOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Of the route to the peer's pods. */
  hopTo({ cidr }: TunnelPeer): Hop {
    return { gateway: gatewayOf(cidr), dev: this.#options.link, isOnLink: true };
  }

  /** Makes the link, and makes its tables those of the peers. @throws CommandError */
  async sync(own: OwnEnd, peers: readonly TunnelPeer[]): Promise<void> {
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
    const isOurs =
      found?.linkinfo?.info_kind === 'vxlan' &&
      found.linkinfo.info_data?.id === vni &&
      found.linkinfo.info_data.port === port &&
      found.linkinfo.info_data.local === own.address &&
      found.address === macOf(own.cidr);
    const mtuBytes = Math.max(own.mtuBytes - overheadBytes, leastMtuBytes);
    const address = gatewayOf(own.cidr);
    const addresses = (isOurs ? (found.addr_info ?? []) : []).filter(({ family }) => family === 'inet');
    if (isOurs && found.mtu === mtuBytes && found.flags?.includes('UP') === true) {
      if (addresses.length === 1 && addresses[0]?.local === address) return;
    }
    const local = own.address === undefined ? '' : ` local ${own.address}`;
    const lines = [
      ...(found === undefined || isOurs ? [] : [`link delete dev ${link}`]),
      ...(isOurs
        ? addresses.map((each) => `address delete ${each.local}/32 dev ${link}`)
        : [
            `link add name ${link} address ${macOf(own.cidr)} type vxlan id ${vni}${local} dstport ${port} nolearning`,
            // Before the MTU: below 1280 a link has no IPv6 whose addresses could be ruled out.
            `link set dev ${link} addrgenmode none`,
          ]),
      `link set dev ${link} mtu ${mtuBytes}`,
      `address add ${address}/32 dev ${link}`,
      `link set dev ${link} up`,
    ];
    const result = await this.#run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    if (result.status !== 0) throw new Error(this.#reasonOf(result.stderr));
  }

  async #syncNeighbours(peers: readonly TunnelPeer[]): Promise<void> {
    const { link } = this.#options;
    const shown = ['-j', '-4', 'neigh', 'show', 'dev', link, 'nud', 'permanent'];
    const rows = await rowsOf<{ dst?: string; lladdr?: string }>(this.#run, 'ip', shown);
    const before = new Map(rows.map(({ dst = '', lladdr = '' }) => [dst, lladdr]));
    const wanted = new Map(peers.map(({ cidr }) => [gatewayOf(cidr), macOf(cidr)]));
    const { gone, changed } = difference(before, wanted);
    await this.#batch('ip', [
      ...gone.map(([address]) => `neigh del ${address} dev ${link}`),
      ...changed.map(([address, mac]) => `neigh replace ${address} lladdr ${mac} dev ${link} nud permanent`),
    ]);
  }

  /** To which machine frames for a peer's end are sent. */
  async #syncForwarding(peers: readonly TunnelPeer[]): Promise<void> {
    const { link } = this.#options;
    const rows = await rowsOf<{ mac?: string; dst?: string }>(this.#run, 'bridge', ['-j', 'fdb', 'show', 'dev', link]);
    const before = new Map(rows.map(({ mac = '', dst = '' }) => [mac, dst]));
    const wanted = new Map(peers.map(({ cidr, address }) => [macOf(cidr), address]));
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
