import { writeFile } from 'node:fs/promises';
import { errorCode } from '@timonel/sdk';
import { familyOf, type HostPort, type IpFamily } from '@timonel/sdk/contracts/network';
import { nftChain, nftElementChanges, nftSet, type NftElements } from '@timonel/sdk/nftables';
import { mustRun } from './command.ts';

/** A pod's ports of the node. */
export interface PublishedPorts {
  readonly address: string;
  readonly hostPorts: readonly HostPort[];
}

const portKey = 'meta l4proto . th dport';

/** What the table's maps and its set hold. */
interface Content {
  /** Of ports on each address of the node. */
  readonly anywhere: NftElements;
  /** Of ports on one address. */
  readonly at: NftElements;
  /** Pods with such ports, as from and to themselves. */
  readonly selves: NftElements;
}

const anyAddress: Readonly<Record<IpFamily, string>> = { 4: '0.0.0.0', 6: '::' };

/** Where two pods claim one port, which the scheduler does not let happen, the later one has it. */
function contentOf(pods: Iterable<PublishedPorts>, family: IpFamily): Content {
  const [anywhere, at, selves] = [new Map<string, string>(), new Map<string, string>(), new Map<string, string>()];
  for (const { address, hostPorts } of pods) {
    for (const { protocol, hostIP, hostPort, containerPort } of hostPorts) {
      const key = `${protocol.toLowerCase()} . ${hostPort}`;
      const value = `${address} . ${containerPort}`;
      if (hostIP === '' || hostIP === anyAddress[family]) anywhere.set(key, value);
      else if (familyOf(hostIP) === family) at.set(`${hostIP} . ${key}`, value);
    }
    selves.set(`${address} . ${address}`, '');
  }
  return { anywhere, at, selves };
}

/**
 * Ports of the node that lead to pods, in one family, as a table of their own: it is there while some pod has such ports. What the table says is made
 * anew from all pods, and written by what is new.
 */
export class HostPorts {
  readonly #table: string;
  readonly #bridge: string;
  readonly #family: IpFamily;
  /** As nft calls it. */
  readonly #ip: 'ip' | 'ip6';
  /** Undefined: it is not known what the table says. */
  #written: Content | undefined;
  #mayBeThere = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(table: string, bridge: string, family: IpFamily) {
    this.#table = table;
    this.#bridge = bridge;
    this.#family = family;
    this.#ip = family === 4 ? 'ip' : 'ip6';
  }

  /** Makes the table say what `pods` gives by then. @throws NetworkError COMMAND_FAILED */
  set(pods: () => Iterable<PublishedPorts>): Promise<void> {
    const turn = this.#turn.then(() => this.#set([...pods()].filter(({ hostPorts }) => hostPorts.length > 0)));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #set(pods: readonly PublishedPorts[]): Promise<void> {
    if (pods.length === 0) return this.#remove();
    const before = this.#written;
    const content = contentOf(pods, this.#family);
    this.#written = undefined;
    this.#mayBeThere = true;
    if (before === undefined) await this.#open(content);
    else await this.#change(before, content);
    this.#written = content;
  }

  // The chain `guard` goes with the table: not before what it guards from.
  async #remove(): Promise<void> {
    if (!this.#mayBeThere) return;
    this.#written = undefined;
    await this.#routeLoopback(false);
    await mustRun('nft', ['-f', '-'], this.#removal());
    this.#mayBeThere = false;
  }

  #removal(): string {
    const name = `${this.#ip} ${this.#table}`;
    return `add table ${name}\ndelete table ${name}\n`;
  }

  async #open(content: Content): Promise<void> {
    await mustRun('nft', ['-f', '-'], this.#removal() + this.#text(content));
    await this.#routeLoopback(true);
  }

  // Programs of the node reach 127.0.0.1:PORT by a packet that leaves with this address over the bridge, and comes back. The chain
  // `guard` keeps pods from such addresses. The kernel has no such way for ::1.
  async #routeLoopback(isOn: boolean): Promise<void> {
    if (this.#family === 6) return;
    try {
      await writeFile(`/proc/sys/net/ipv4/conf/${this.#bridge}/route_localnet`, isOn ? '1' : '0');
    } catch (error) {
      // Without the bridge there is nothing that leads to it.
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }

  async #change(before: Content, after: Content): Promise<void> {
    const lines = (['anywhere', 'at', 'selves'] as const).flatMap((name) =>
      nftElementChanges(`${this.#ip} ${this.#table} ${name}`, before[name], after[name]),
    );
    if (lines.length > 0) await mustRun('nft', ['-f', '-'], `${lines.join('\n')}\n`);
  }

  #text({ anywhere, at, selves }: Content): string {
    const ip = this.#ip;
    const addressKey = `${ip} daddr . ${portKey}`;
    const target = `${ip} daddr . th dport`;
    const protocols = 'meta l4proto { tcp, udp, sctp }';
    const hook = (type: string, name: string, priority: string): string =>
      `type ${type} hook ${name} priority ${priority}; policy accept;`;
    return [
      `table ${ip} ${this.#table} {\n`,
      nftSet('map', 'anywhere', [`typeof ${portKey} : ${target}`], anywhere),
      nftSet('map', 'at', [`typeof ${addressKey} : ${target}`], at),
      nftSet('set', 'selves', [`typeof ${ip} saddr . ${ip} daddr`], selves),
      nftChain('translate', [
        `${protocols} dnat ${ip} to ${addressKey} map @at`,
        `${protocols} dnat ${ip} to ${portKey} map @anywhere`,
      ]),
      // After services: an address of a load balancer is one of the node, too, and its ports are the service's.
      nftChain('prerouting', [hook('nat', 'prerouting', '-95'), 'fib daddr type local goto translate']),
      nftChain('output', [hook('nat', 'output', '-95'), 'fib daddr type local goto translate']),
      nftChain('postrouting', [
        hook('nat', 'postrouting', '95'),
        `ct status dnat ${ip} saddr . ${ip} daddr @selves masquerade`,
        ...(this.#family === 4 ? [`ct status dnat ip saddr 127.0.0.0/8 oifname "${this.#bridge}" masquerade`] : []),
        // Others translate sources after this one: what has been decided here, they do not touch.
        `ct status dnat ${ip} daddr . ${ip} daddr @selves snat to ${ip} saddr`,
      ]),
      nftChain('guard', [
        hook('filter', 'prerouting', 'raw'),
        `iifname "${this.#bridge}" ${ip} daddr ${this.#family === 4 ? '127.0.0.0/8' : '::1'} drop`,
      ]),
      '}\n',
    ].join('');
  }
}
