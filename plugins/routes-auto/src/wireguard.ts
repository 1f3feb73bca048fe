/**
 * One WireGuard link to the nodes that have it too. Which peer may use which addresses is what the cluster says of its node: packets of
 * a peer count only when they come from the range of its pods, and go to it alone. Source: wg(8).
 */
import { errorMessage } from '@timonel/sdk';
import { formatIp, formatIpRange, type IpFamily, type IpRange } from '@timonel/sdk/contracts/network';
import type { RoutesAutoConfig } from './config.ts';
import { commandFailed, type RunProgram } from './ip.ts';
import type { NodeKey } from './wireguard-key.ts';

/** Bytes that WireGuard adds to each packet: its own, UDP, and the header of the family that it goes over. */
export const wireguardOverheadBytes: Readonly<Record<IpFamily, number>> = { 4: 32 + 8 + 20, 6: 32 + 8 + 40 };
const leastMtuBytes = 576;
/** Peers that one call of wg(8) is told of. */
const peersOfCall = 100;

export interface WireguardOptions {
  /** Name of the link. */
  readonly link: string;
  readonly port: number;
  readonly implementation: RoutesAutoConfig['wireguardImplementation'];
}

export interface WireguardPeer {
  readonly publicKey: string;
  /** Of its machine. */
  readonly address: string;
  readonly port: number;
  /** Of its pods. */
  readonly ranges: readonly IpRange[];
}

export interface WireguardOwn {
  readonly key: NodeKey;
  readonly ranges: readonly IpRange[];
  readonly mtuBytes: number;
}

interface LinkRow {
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly local?: string; readonly scope?: string }[];
}

interface Shown {
  readonly publicKey: string;
  readonly port: number;
  /** Endpoint and ranges by public key. */
  readonly peers: ReadonlyMap<string, { readonly endpoint: string; readonly allowed: string }>;
}

type Kind = 'wireguard' | 'tun';

/** Why there is no WireGuard. */
export interface WireguardProblem {
  readonly reason: string;
  /** It may be over at once, so that what others were told holds. */
  readonly isPassing: boolean;
}

/** A port that is in use for so many looks is somebody's; the kernel lends one for a moment to everybody who sends a packet. */
const looksAtPort = 3;
const notThere = /ENOENT|No such file or directory/;

/**
 * What the node itself sends to pods from: an address of its range that no pod has. The first one of IPv4; with IPv6, whose first one stands
 * for any router of a link, the second one, which is the node's own for its pods.
 */
function addressesOf(ranges: readonly IpRange[]): readonly string[] {
  return ranges.map(({ family, first }) => formatIp({ family, value: family === 4 ? first : first + 1n }));
}

export class Wireguard {
  readonly #run: RunProgram;
  readonly #options: WireguardOptions;
  #kind: Kind | undefined;
  /** What is missing on this machine. */
  #absence: WireguardProblem | undefined;
  /** So often one after the other the port was somebody else's. */
  #timesTaken = 0;
  /** Where each peer was said to be. A peer that is heard from elsewhere is answered there, which is not undone. */
  readonly #endpoints: Map<string, string> = new Map();

  constructor(run: RunProgram, options: WireguardOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Why this machine has no WireGuard; undefined when it has. What is missing is asked for once, all else each time. */
  async problem(): Promise<WireguardProblem | undefined> {
    if (this.#kind === undefined) {
      const problem = this.#absence ?? (await this.#examine());
      if (problem?.isPassing === false) this.#absence = problem;
      if (problem !== undefined) return problem;
    }
    return this.#portProblem();
  }

  /** Makes the link, and makes its peers these. @throws CommandError */
  async sync(own: WireguardOwn, peers: readonly WireguardPeer[]): Promise<void> {
    if (this.#kind === undefined) throw new Error('no WireGuard was found on this machine');
    await this.#ensureLink(own);
    await this.#syncKey(own.key);
    await this.#up();
    await this.#syncPeers(peers);
  }

  /** Its routes go with it, and so does the program that serves it. */
  async remove(): Promise<void> {
    const { link } = this.#options;
    this.#endpoints.clear();
    if ((await this.#read()) === undefined) return;
    const result = await this.#run('ip', ['link', 'delete', 'dev', link]);
    if (result.status !== 0 && !/Cannot find device/.test(result.stderr)) throw commandFailed('ip link delete', result);
  }

  async #examine(): Promise<WireguardProblem | undefined> {
    const { implementation, link } = this.#options;
    const noTool = await this.#lack('wg', 'wireguard-tools');
    if (noTool !== undefined) return noTool;
    let problem: WireguardProblem | undefined;
    if (implementation !== 'userspace') {
      if ((await this.#read())?.linkinfo?.info_kind === 'wireguard') return this.#take('wireguard');
      const attempt = `link add name ${link}t type wireguard\nlink delete dev ${link}t\n`;
      // Goes on after the first line: an attempt that was broken off may have left its link.
      const { status, stderr } = await this.#run('ip', ['-force', '-batch', '-'], attempt);
      if (status === 0 || /File exists/.test(stderr)) return this.#take('wireguard');
      problem = /Unknown device type|not supported/.test(stderr)
        ? { reason: 'the kernel has no WireGuard ("modprobe wireguard")', isPassing: false }
        : { reason: `no WireGuard link can be made: ${stderr.trim().split('\n')[0] ?? ''}`, isPassing: true };
      if (implementation === 'kernel') return problem;
    }
    const noProgram = await this.#lack('wireguard-go', 'wireguard-go');
    if (noProgram === undefined) return this.#take('tun');
    if (problem === undefined) return noProgram;
    const isPassing = problem.isPassing || noProgram.isPassing;
    return { reason: `${problem.reason}, and ${noProgram.reason}`, isPassing };
  }

  #take(kind: Kind): undefined {
    this.#kind = kind;
    return undefined;
  }

  /** Undefined: the program can be run. */
  async #lack(program: 'wg' | 'wireguard-go', debianPackage: string): Promise<WireguardProblem | undefined> {
    const failure = await this.#run(program, ['--version']).then(
      ({ status, stderr }) => (status === 0 ? undefined : stderr.trim() || `status ${status}`),
      errorMessage,
    );
    if (failure === undefined) return undefined;
    return notThere.test(failure)
      ? { reason: `the program ${program} is not installed (apt-get install ${debianPackage})`, isPassing: false }
      : { reason: `the program ${program} does not work: ${failure}`, isPassing: true };
  }

  // Without the port peers would send to nobody. Looked up where the kernel lists all, those of its own WireGuard too: wireguard-go does not say
  // that it could not have it.
  async #portProblem(): Promise<WireguardProblem | undefined> {
    if ((await this.#hasPort()) || !(await this.#isPortTaken())) {
      this.#timesTaken = 0;
      return undefined;
    }
    this.#timesTaken += 1;
    return { reason: this.#portTaken, isPassing: this.#timesTaken < looksAtPort };
  }

  async #hasPort(): Promise<boolean> {
    const found = await this.#read();
    if (found?.linkinfo?.info_kind !== this.#kind || found?.flags?.includes('UP') !== true) return false;
    return (await this.#show()).port === this.#options.port;
  }

  async #isPortTaken(): Promise<boolean> {
    const port = this.#options.port.toString(16).toUpperCase().padStart(4, '0');
    const script = 'cat /proc/net/udp /proc/net/udp6 2>/dev/null | grep -E -m 1 "^ *[0-9]+: [0-9A-F]+:$1 "';
    return (await this.#run('sh', ['-c', script, 'sh', port])).stdout !== '';
  }

  get #portTaken(): string {
    return `UDP port ${this.#options.port} of this machine is in use: give this node another wireguardPort (configuration of routes-auto)`;
  }

  async #read(): Promise<LinkRow | undefined> {
    const result = await this.#run('ip', ['-j', '-d', 'address', 'show', 'dev', this.#options.link]);
    if (/does not exist|Cannot find device/.test(result.stderr)) return undefined;
    if (result.status !== 0) throw commandFailed('ip address show', result);
    // iproute2 prints empty objects for the links that it leaves out.
    return (JSON.parse(result.stdout || '[]') as LinkRow[]).find(({ linkinfo }) => linkinfo !== undefined);
  }

  async #ensureLink({ ranges, mtuBytes }: WireguardOwn): Promise<void> {
    const { link } = this.#options;
    const found = await this.#read();
    const isOurs = found?.linkinfo?.info_kind === this.#kind;
    if (found !== undefined && !isOurs) await this.remove();
    if (!isOurs) await this.#make();
    const wanted = addressesOf(ranges);
    const shown = (isOurs ? (found?.addr_info ?? []) : []).flatMap(({ local, scope }) =>
      local === undefined || scope === 'link' ? [] : [local],
    );
    const mtu = Math.max(mtuBytes, leastMtuBytes);
    const gone = shown.filter((address) => !wanted.includes(address));
    const added = wanted.filter((address) => !shown.includes(address));
    if (isOurs && found?.mtu === mtu && gone.length + added.length === 0) return;
    await this.#batch([
      // Before the MTU: below 1280 a link has no IPv6 whose addresses could be ruled out.
      ...(isOurs ? [] : [`link set dev ${link} addrgenmode none`]),
      `link set dev ${link} mtu ${mtu}`,
      ...gone.map((address) => `address delete ${address}/${wholeOf(address)} dev ${link}`),
      // Without a route to the address: the range is the bridge's.
      ...added.map((address) => `address add ${address}/${wholeOf(address)} dev ${link} noprefixroute`),
    ]);
  }

  async #make(): Promise<void> {
    const { link } = this.#options;
    this.#endpoints.clear();
    if (this.#kind === 'wireguard') return this.#batch([`link add name ${link} type wireguard`]);
    // It goes on by itself, and ends with its link.
    // By its variables it would stay in the foreground, or keep the pipes of its output, whose end the call waits for.
    const result = await this.#run('sh', ['-c', 'exec env -i PATH="$PATH" wireguard-go "$1"', 'sh', link]);
    if (result.status !== 0) throw commandFailed('wireguard-go', result);
  }

  async #syncKey({ privateKey, publicKey }: NodeKey): Promise<void> {
    const { link, port } = this.#options;
    const shown = await this.#show();
    if (shown.publicKey === publicKey && shown.port === port) return;
    // Not as an argument, which everybody on the machine could read. `cat`, because wg opens its input by name, which it can with pipes alone.
    const script = 'cat | wg set "$1" listen-port "$2" private-key /proc/self/fd/0';
    const result = await this.#run('sh', ['-c', script, 'sh', link, `${port}`], `${privateKey}\n`);
    if (result.status !== 0) throw new Error(this.#reasonOf(result.stderr));
  }

  async #up(): Promise<void> {
    if ((await this.#read())?.flags?.includes('UP') === true) return;
    await this.#batch([`link set dev ${this.#options.link} up`]);
  }

  async #syncPeers(peers: readonly WireguardPeer[]): Promise<void> {
    const shown = (await this.#show()).peers;
    const wanted = new Map(peers.map((peer) => [peer.publicKey, peer]));
    const gone = [...shown.keys()].filter((key) => !wanted.has(key));
    for (const key of gone) this.#endpoints.delete(key);
    // First: a range may go from one to another.
    await this.#set(gone.map((key) => ['peer', key, 'remove']));
    const changes: string[][] = [];
    const added: string[][] = [];
    for (const peer of peers) {
      const { publicKey } = peer;
      const found = shown.get(publicKey);
      const endpoint = peer.address.includes(':') ? `[${peer.address}]:${peer.port}` : `${peer.address}:${peer.port}`;
      const allowed = peer.ranges.map(formatIpRange);
      const hasMoved = (this.#endpoints.get(publicKey) ?? found?.endpoint) !== endpoint;
      this.#endpoints.set(publicKey, endpoint);
      if (!hasMoved && found !== undefined && isSame(found.allowed, allowed)) continue;
      const place = hasMoved || found === undefined ? ['endpoint', endpoint] : [];
      const isNew = found === undefined ? ['persistent-keepalive', '25'] : [];
      changes.push(['peer', publicKey, ...place, ...isNew, 'allowed-ips', allowed.join()]);
      if (found === undefined) added.push(['peer', publicKey, 'persistent-keepalive', '0']);
    }
    await this.#set(changes);
    // Having to keep a peer awake made the link greet it at once: whichever side knows the other last begins, and nobody waits for the next try.
    await this.#set(added);
  }

  async #set(peers: readonly (readonly string[])[]): Promise<void> {
    for (let index = 0; index < peers.length; index += peersOfCall) {
      const words = peers.slice(index, index + peersOfCall).flat();
      const result = await this.#run('wg', ['set', this.#options.link, ...words]);
      if (result.status === 0) continue;
      this.#endpoints.clear();
      throw commandFailed('wg set', result);
    }
  }

  /** Holds the private key too, which goes nowhere from here. */
  async #show(): Promise<Shown> {
    const result = await this.#run('wg', ['show', this.#options.link, 'dump']);
    if (result.status !== 0) throw commandFailed('wg show', result);
    const [own = '', ...rows] = result.stdout.split('\n').filter((line) => line !== '');
    const [, publicKey = '', port = '0'] = own.split('\t');
    const peers = rows.map((line) => {
      const [key = '', , endpoint = '', allowed = ''] = line.split('\t');
      return [key, { endpoint, allowed }] as const;
    });
    return { publicKey, port: Number(port), peers: new Map(peers) };
  }

  async #batch(lines: readonly string[]): Promise<void> {
    const result = await this.#run('ip', ['-batch', '-'], `${lines.join('\n')}\n`);
    if (result.status !== 0) throw new Error(this.#reasonOf(result.stderr));
  }

  /** Says what to do, where the programs' words do not. */
  #reasonOf(message: string): string {
    if (/Address already in use/.test(message)) return this.#portTaken;
    return `no WireGuard link can be made: ${message.trim().split('\n')[0] ?? ''}`;
  }
}

function wholeOf(address: string): number {
  return address.includes(':') ? 128 : 32;
}

function isSame(shown: string, wanted: readonly string[]): boolean {
  return shown.split(',').sort().join() === [...wanted].sort().join();
}
