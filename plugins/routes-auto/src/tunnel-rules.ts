/**
 * Rules of nftables for the tunnels.
 *
 * VXLAN does not authenticate: whoever can send to their port could speak as any pod. So packets of the tunnels' network count only when
 * they come from addresses of the cluster's nodes. Source: RFC 7348, section 5 (the header) and section 7.
 *
 * A tunnel has less room than the links of pods. Connections are told so at their start: what would tell them later, ICMP, does not
 * come through everywhere.
 *
 * What is to go through WireGuard goes through it or not at all: when its link is gone, so are its routes, and packets would leave as they are.
 */
import { familyOf, formatIpRange, type IpFamily, type IpRange } from '@timonel/sdk/contracts/network';
import { nftChain, nftSet } from '@timonel/sdk/nftables';
import { commandFailed, type RunProgram } from './ip.ts';

export interface TunnelRulesOptions {
  readonly table: string;
  /** Of VXLAN. */
  readonly link: string;
  readonly wireguardLink: string;
  readonly vni: number;
  readonly port: number;
  /** Only nodes may send into the tunnels of VXLAN. */
  readonly isGuarded: boolean;
}

/** What the rules are about. */
export interface TunnelSubjects {
  /** All of the nodes. Undefined: there is no VXLAN. */
  readonly addresses: readonly string[] | undefined;
  /** Reached through WireGuard alone. */
  readonly sealed: readonly IpRange[];
  /** What has addresses of these comes through WireGuard alone. */
  readonly trusted: readonly IpRange[];
}

export class TunnelRules {
  readonly #run: RunProgram;
  readonly #options: TunnelRulesOptions;
  /** The rules of the last write, and what the kernel showed of them then. */
  #written: { readonly text: string; readonly shown: string } | undefined;

  constructor(run: RunProgram, options: TunnelRulesOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** @throws CommandError, also when nft is absent */
  async sync(subjects: TunnelSubjects): Promise<void> {
    const text = this.#rules(subjects);
    if (this.#written?.text === text && this.#written.shown === (await this.#show())) return;
    this.#written = undefined;
    await this.#nft(['-f', '-'], text);
    this.#written = { text, shown: await this.#show() };
  }

  async remove(): Promise<void> {
    if ((await this.#show()) === '') return;
    this.#written = undefined;
    const { table } = this.#options;
    await this.#nft(['-f', '-'], `table inet ${table}\ndelete table inet ${table}\n`);
  }

  /** Empty: there is none, or no nft. */
  async #show(): Promise<string> {
    return this.#run('nft', ['list', 'table', 'inet', this.#options.table]).then(
      ({ status, stdout }) => (status === 0 ? stdout : ''),
      () => '',
    );
  }

  #rules({ addresses, sealed, trusted }: TunnelSubjects): string {
    const { table, link, wireguardLink, isGuarded } = this.#options;
    const size = nftChain('forward', [
      'type filter hook forward priority mangle; policy accept;',
      `oifname { "${link}", "${wireguardLink}" } tcp flags syn tcp option maxseg size set rt mtu`,
    ]);
    const guard = isGuarded && addresses !== undefined ? this.#guard([...new Set(addresses)].sort()) : '';
    const seal = this.#seal('sealed', sealed, 'postrouting priority mangle', 'oifname', 'daddr');
    const trust = this.#seal('trusted', trusted, 'prerouting priority raw', 'iifname', 'saddr');
    const chains = `${guard}${size}${seal}${trust}`;
    return `table inet ${table}\ndelete table inet ${table}\ntable inet ${table} {\n${chains}}\n`;
  }

  #seal(name: string, ranges: readonly IpRange[], hook: string, link: string, side: string): string {
    if (ranges.length === 0) return '';
    const set = (family: IpFamily): string => {
      const own = ranges.filter((range) => range.family === family).map(formatIpRange);
      const definition = [`type ipv${family}_addr`, 'flags interval'];
      return nftSet('set', `${name}${family}`, definition, new Map(own.sort().map((range) => [range, ''])));
    };
    const elsewhere = `${link} != "${this.#options.wireguardLink}"`;
    const chain = nftChain(`only_${name}`, [
      `type filter hook ${hook}; policy accept;`,
      `${elsewhere} ip ${side} @${name}4 drop`,
      `${elsewhere} ip6 ${side} @${name}6 drop`,
    ]);
    return set(4) + set(6) + chain;
  }

  #guard(addresses: readonly string[]): string {
    const { vni, port } = this.#options;
    const nodes = (name: string, type: string, family: IpFamily): string => {
      const own = addresses.filter((address) => familyOf(address) === family);
      return nftSet('set', name, [`type ${type}`], new Map(own.map((address) => [address, ''])));
    };
    // Behind the UDP header: 32 bits of flags, then the number of the network.
    const ofTunnels = `udp dport ${port} @th,96,24 ${vni}`;
    const chain = nftChain('prerouting', [
      'type filter hook prerouting priority raw; policy accept;',
      `${ofTunnels} ip saddr != @nodes drop`,
      `${ofTunnels} ip6 saddr != @nodes6 drop`,
    ]);
    return nodes('nodes', 'ipv4_addr', 4) + nodes('nodes6', 'ipv6_addr', 6) + chain;
  }

  async #nft(args: readonly string[], input: string): Promise<void> {
    const result = await this.#run('nft', args, input);
    if (result.status !== 0) throw commandFailed('nft', result);
  }
}
