import { writeFile } from 'node:fs/promises';
import type { Logger } from '@timonel/sdk';
import { familyOf, formatIpRange, NetworkError, type IpRange } from '@timonel/sdk/contracts/network';
import { readFileIfThere } from '@timonel/sdk/files';
import { nftChain } from '@timonel/sdk/nftables';
import { commandFailed, mustRun, run } from './command.ts';
import type { NetworkBridgeConfig } from './config.ts';
import { overlappingRoute, readRoutes, type Route } from './host-routes.ts';
import { enableForwarding, restoreForwarding } from './ip-forwarding.ts';
import type { PodRanges } from './pod-ranges.ts';
import { isBridgeName, isVethName, vethPrefix, type Names } from './names.ts';

/** The bridge with the gateway address, forwarding and masquerading: what all pods of the node share. */
export class Bridge {
  readonly #names: Names;
  readonly #config: NetworkBridgeConfig;
  readonly #pods: PodRanges;
  readonly #log: Logger;
  mtuBytes = 1500;

  constructor(names: Names, config: NetworkBridgeConfig, pods: PodRanges, log: Logger) {
    this.#names = names;
    this.#config = config;
    this.#pods = pods;
    this.#log = log;
  }

  /** Makes or completes the bridge. True: there was none. */
  async ensure(): Promise<boolean> {
    await this.#refuseOverlaps();
    const { bridge } = this.#names;
    const { ranges } = this.#pods;
    const links = await listLinks();
    const routes = [...(await readRoutes(4)), ...(this.#hasIpv6 ? await readRoutes(6) : [])];
    const wanted = this.#config.mtuBytes || defaultMtu(routes, links) - this.#config.overheadBytes;
    // Below it a link has no IPv6.
    this.mtuBytes = this.#hasIpv6 ? Math.max(wanted, 1280) : wanted;
    const isNew = !links.some(({ name }) => name === bridge);
    const lines = isNew ? [`link add name ${bridge} address ${this.#pods.macAt(1)} type bridge forward_delay 0`] : [];
    lines.push(`link set dev ${bridge} mtu ${this.mtuBytes} addrgenmode none`);
    await mustRun('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    await this.#setBridgeSysctls();
    // Neighbours of IPv6 are asked for from an address of the link.
    const addresses = ranges.map(({ range, gateway }) =>
      range.family === 4
        ? `addr replace ${gateway}/${range.prefixLength} brd + dev ${bridge}`
        : `addr replace ${gateway}/${range.prefixLength} dev ${bridge} nodad\naddr replace fe80::1/64 dev ${bridge} nodad`,
    );
    await mustRun('ip', ['-batch', '-'], [...addresses, `link set dev ${bridge} up`, ''].join('\n'));
    for (const { range } of ranges) await enableForwarding(range.family);
    await this.#ensureMasquerade();
    await this.#refuseLinkLocal();
    return isNew;
  }

  get #hasIpv6(): boolean {
    return this.#pods.gatewayOf(6) !== undefined;
  }

  async #refuseOverlaps(): Promise<void> {
    for (const [index, { range }] of this.#pods.ranges.entries()) {
      const { family } = range;
      const key = index === 0 ? 'podCidr' : 'podCidr6';
      if (family === 6 && (await readFileIfThere('/proc/sys/net/ipv6/conf/all/forwarding')) === undefined) {
        throw new NetworkError('COMMAND_FAILED', `${key} is of IPv6, but the kernel of this machine has none`);
      }
      const other = overlappingRoute(await readRoutes(family), range, this.#names.bridge);
      if (other === undefined) continue;
      throw new NetworkError(
        'COMMAND_FAILED',
        `${key} ${formatIpRange(range)} overlaps the route ${other.dst} dev ${other.dev} of this machine; choose another ${key} for network-bridge`,
      );
    }
  }

  /** Links of the bridge that no attachment owns. */
  async strayLinks(known: ReadonlySet<string>): Promise<readonly string[]> {
    const links = await listLinks();
    return links
      .filter(({ name, master }) => master === this.#names.bridge && isVethName(name) && !known.has(name))
      .map(({ name }) => name);
  }

  async remove(): Promise<void> {
    const { bridge, table, hostPortTable } = this.#names;
    const result = await run('ip', ['link', 'delete', 'dev', bridge, 'type', 'bridge']);
    if (result.status !== 0 && !/Cannot find device/.test(result.stderr)) throw commandFailed('ip link delete', result);
    const tables = this.#pods.ranges.flatMap(({ range }) =>
      [table, hostPortTable].map((name) => `${ipOf(range)} ${name}`),
    );
    const removals = tables.map((name) => `add table ${name}\ndelete table ${name}\n`).join('');
    if (await this.hasNft()) {
      await mustRun('nft', ['-f', '-'], removals);
      // The kernel may have no tables of bridges.
      if (this.#hasIpv6) await run('nft', ['delete', 'table', 'bridge', table]);
    }
    const links = await listLinks();
    if (!links.some(({ name }) => isBridgeName(name))) await restoreForwarding();
  }

  // Pods send all to the gateway, so packets leave where they came in. A redirect would tell them of a shorter way that
  // isolated ports do not have.
  async #setBridgeSysctls(): Promise<void> {
    const { bridge } = this.#names;
    await writeFile(`/proc/sys/net/ipv4/conf/${bridge}/send_redirects`, '0');
    if (!this.#hasIpv6) return;
    // A pod is no router for the node.
    for (const [name, value] of [
      ['disable_ipv6', '0'],
      ['accept_ra', '0'],
      ['accept_redirects', '0'],
    ] as const) {
      await writeFile(`/proc/sys/net/ipv6/conf/${bridge}/${name}`, value);
    }
  }

  async #ensureMasquerade(): Promise<void> {
    if (!this.#config.masquerade) return;
    if (!(await this.hasNft())) {
      this.#log.warn(
        {},
        'nft is not installed: pods reach this node and each other, but nothing outside (apt-get install nftables)',
      );
      return;
    }
    const inside = [this.#config.podCidr, this.#config.podCidr6 ?? '', ...this.#config.clusterCidrs];
    const rules = this.#pods.ranges.map(({ range }) =>
      this.#masqueradeRules(
        range,
        inside.filter((text) => text !== '' && familyOf(text) === range.family),
      ),
    );
    await mustRun('nft', ['-f', '-'], rules.join(''));
  }

  #masqueradeRules(range: IpRange, inside: readonly string[]): string {
    const { bridge, table } = this.#names;
    const ip = ipOf(range);
    const type = range.family === 4 ? 'ipv4_addr' : 'ipv6_addr';
    const rules = [
      `add table ${ip} ${table}`,
      `delete table ${ip} ${table}`,
      `table ${ip} ${table} {`,
      `  set inside { type ${type}; flags interval; auto-merge; elements = { ${[...new Set(inside)].join(', ')} } }`,
      '  chain postrouting {',
      '    type nat hook postrouting priority srcnat; policy accept;',
      `    ${ip} saddr ${formatIpRange(range)} oifname != "${bridge}" ${ip} daddr != @inside masquerade`,
      '  }',
      '}',
    ];
    return `${rules.join('\n')}\n`;
  }

  // Where ports are not isolated, pods would reach each other from addresses of the link past all policies, which know the addresses of
  // pods. Pods of IPv4 alone have no such addresses.
  async #refuseLinkLocal(): Promise<void> {
    if (!this.#hasIpv6 || !(await this.hasNft())) return;
    const { table } = this.#names;
    // By the names of pods' links: not each kernel knows the bridge of a frame.
    const links = `iifname "${vethPrefix}*" oifname "${vethPrefix}*"`;
    const rules = ['saddr', 'daddr'].map((side) => `${links} ip6 ${side} fe80::/10 drop`);
    const chain = nftChain('forward', ['type filter hook forward priority filter; policy accept;', ...rules]);
    const text = `add table bridge ${table}\ndelete table bridge ${table}\ntable bridge ${table} {\n${chain}}\n`;
    const { status, stderr } = await run('nft', ['-f', '-'], text);
    if (status === 0) return;
    const error = stderr.trim().slice(0, 500);
    this.#log.warn({ error }, 'the kernel has no rules for bridges: pods may reach each other by link-local addresses');
  }

  async hasNft(): Promise<boolean> {
    return run('nft', ['--version']).then(
      ({ status }) => status === 0,
      () => false,
    );
  }
}

export interface Link {
  readonly name: string;
  readonly master: string;
  readonly mtuBytes: number;
}

/** The links of this machine. */
export async function listLinks(): Promise<readonly Link[]> {
  const text = await mustRun('ip', ['-j', 'link', 'show']);
  const rows = JSON.parse(text || '[]') as readonly { ifname?: string; master?: string; mtu?: number }[];
  return rows.map(({ ifname, master, mtu }) => ({ name: ifname ?? '', master: master ?? '', mtuBytes: mtu ?? 0 }));
}

function defaultMtu(routes: readonly Route[], links: readonly Link[]): number {
  const device = routes.find(({ dst }) => dst === 'default')?.dev;
  const mtuBytes = links.find(({ name }) => name === device)?.mtuBytes ?? 1500;
  // The loopback's 65,536 would be a default route to nowhere.
  return mtuBytes >= 576 && mtuBytes <= 65_535 ? mtuBytes : 1500;
}

function ipOf({ family }: IpRange): 'ip' | 'ip6' {
  return family === 4 ? 'ip' : 'ip6';
}
