/**
 * Rules of nftables for the tunnels.
 *
 * Tunnels do not authenticate: whoever can send to their port could speak as any pod. So packets of the tunnels' network count only when
 * they come from addresses of the cluster's nodes. Source: RFC 7348, section 5 (the header) and section 7.
 *
 * A tunnel has less room than the links of pods. Connections are told so at their start: what would tell them later, ICMP, does not
 * come through everywhere.
 */
import { familyOf, type IpFamily } from '@timonel/sdk/contracts/network';
import { nftChain, nftSet } from '@timonel/sdk/nftables';
import { commandFailed, type RunProgram } from './ip.ts';

export interface TunnelRulesOptions {
  readonly table: string;
  /** Of the tunnels. */
  readonly link: string;
  readonly vni: number;
  readonly port: number;
  /** Only nodes may send into the tunnels. */
  readonly isGuarded: boolean;
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

  /** `addresses`: all of the nodes. @throws CommandError, also when nft is absent */
  async sync(addresses: readonly string[]): Promise<void> {
    const text = this.#rules([...new Set(addresses)].sort());
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

  #rules(addresses: readonly string[]): string {
    const { table, link } = this.#options;
    const size = nftChain('forward', [
      'type filter hook forward priority mangle; policy accept;',
      `oifname "${link}" tcp flags syn tcp option maxseg size set rt mtu`,
    ]);
    const guard = this.#options.isGuarded ? this.#guard(addresses) : '';
    return `table inet ${table}\ndelete table inet ${table}\ntable inet ${table} {\n${guard}${size}}\n`;
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
