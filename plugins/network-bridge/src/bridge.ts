import { writeFile } from 'node:fs/promises';
import type { Logger } from '@timonel/sdk';
import { formatIpv4, parseIpv4Range, NetworkError, type Ipv4Range } from '@timonel/sdk/contracts/network';
import { commandFailed, mustRun, run } from './command.ts';
import type { NetworkBridgeConfig } from './config.ts';
import { overlappingRoute, readRoutes, type Route } from './host-routes.ts';
import { enableForwarding, restoreForwarding } from './ip-forwarding.ts';
import { isBridgeName, isVethName, type Names } from './names.ts';

/** The bridge with the gateway address, forwarding and masquerading: what all pods of the node share. */
export class Bridge {
  readonly #names: Names;
  readonly #config: NetworkBridgeConfig;
  readonly #range: Ipv4Range;
  readonly #log: Logger;
  readonly gateway: string;
  mtuBytes = 1500;

  constructor(names: Names, config: NetworkBridgeConfig, range: Ipv4Range, log: Logger) {
    this.#names = names;
    this.#config = config;
    this.#range = range;
    this.#log = log;
    this.gateway = formatIpv4(range.first + 1);
  }

  /** Makes or completes the bridge. */
  async ensure(): Promise<void> {
    const routes = await readRoutes();
    const other = overlappingRoute(routes, this.#range, this.#names.bridge);
    if (other !== undefined) {
      throw new NetworkError(
        'COMMAND_FAILED',
        `podCidr ${this.#config.podCidr} overlaps the route ${other.dst} dev ${other.dev} of this machine; choose another podCidr for network-bridge`,
      );
    }
    const { bridge } = this.#names;
    const links = await listLinks();
    this.mtuBytes = this.#config.mtuBytes || defaultMtu(routes, links) - this.#config.overheadBytes;
    const lines = links.some(({ name }) => name === bridge)
      ? []
      : [`link add name ${bridge} address ${macOf(this.#range.first + 1)} type bridge forward_delay 0`];
    lines.push(
      `link set dev ${bridge} mtu ${this.mtuBytes} addrgenmode none`,
      `addr replace ${this.gateway}/${this.#range.prefixLength} brd + dev ${bridge}`,
      `link set dev ${bridge} up`,
    );
    await mustRun('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    await this.#setBridgeSysctls();
    await enableForwarding();
    await this.#ensureMasquerade();
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
    const removals = [table, hostPortTable].map((name) => `add table ip ${name}\ndelete table ip ${name}\n`).join('');
    if (await this.hasNft()) await mustRun('nft', ['-f', '-'], removals);
    const links = await listLinks();
    if (!links.some(({ name }) => isBridgeName(name))) await restoreForwarding();
  }

  // Pods send all to the gateway, so packets leave where they came in. A redirect would tell them of a shorter way that
  // isolated ports do not have.
  async #setBridgeSysctls(): Promise<void> {
    const path = `/proc/sys/net/ipv4/conf/${this.#names.bridge}/send_redirects`;
    await writeFile(path, '0');
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
    const { bridge, table } = this.#names;
    const inside = [...new Set([this.#config.podCidr, ...this.#config.clusterCidrs])].join(', ');
    const rules = [
      `add table ip ${table}`,
      `delete table ip ${table}`,
      `table ip ${table} {`,
      '  set inside { type ipv4_addr; flags interval; auto-merge; elements = { ' + inside + ' } }',
      '  chain postrouting {',
      '    type nat hook postrouting priority srcnat; policy accept;',
      `    ip saddr ${this.#config.podCidr} oifname != "${bridge}" ip daddr != @inside masquerade`,
      '  }',
      '}',
    ];
    await mustRun('nft', ['-f', '-'], `${rules.join('\n')}\n`);
  }

  async hasNft(): Promise<boolean> {
    return run('nft', ['--version']).then(
      ({ status }) => status === 0,
      () => false,
    );
  }
}

/** A locally administered address made of the IPv4 address: known before the link is there, unique on the bridge. */
export function macOf(address: number): string {
  const bytes = formatIpv4(address)
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'));
  return `0a:58:${bytes.join(':')}`;
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

/** The range of a configuration that the schema has accepted. */
export function podRangeOf(config: NetworkBridgeConfig): Ipv4Range {
  const range = parseIpv4Range(config.podCidr);
  if (range === undefined) throw new NetworkError('COMMAND_FAILED', `podCidr ${config.podCidr} is not an IPv4 range`);
  return range;
}
