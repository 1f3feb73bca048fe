/** Nodes, each in a network namespace on a link of its own, with a router between. */
import { execFileSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun, run } from '@timonel/sdk/command';
import type { Node } from '@timonel/sdk/kube';
import { RouteKeeper, type KeptRoutes, type RouteKeeperOptions } from '../route-keeper.ts';
import { loadKey, wireguardAnnotation } from '../wireguard-key.ts';

type Implementation = 'kernel' | 'userspace';

function works(program: string, ...args: string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Why it cannot be tested here. */
export function wireguardMissing(implementation: Implementation): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!works('wg', '--version')) return 'needs the package wireguard-tools';
  if (!works('busybox', 'true')) return 'needs the package busybox-static';
  if (implementation === 'kernel') {
    const isThere = works('unshare', '--net', 'ip', 'link', 'add', 'w0', 'type', 'wireguard');
    return isThere ? undefined : 'the kernel has no WireGuard';
  }
  return works('wireguard-go', '--version') ? undefined : 'needs the package wireguard-go';
}

const hasNft: boolean = works('nft', '--version');

/** A node in a network namespace; its pod is an address of the loopback. */
export class LanNode {
  readonly index: number;
  readonly namespace: string;
  readonly wireguardLink: string;
  readonly #keyFile: string;
  #options: RouteKeeperOptions;
  #keeper: RouteKeeper;

  constructor(index: number, directory: string, implementation: Implementation) {
    this.index = index;
    this.namespace = `tmwg${process.pid}-${index}`;
    this.wireguardLink = `tw${process.pid}${index}`;
    this.#keyFile = join(directory, `${index}.key`);
    this.#options = {
      nodeName: `n${index}`,
      clusterCidrs: [],
      tunnels: 'auto',
      tunnelKind: 'auto',
      wireguardImplementation: implementation,
      wireguardPort: 51_820,
      vni: 84,
      tunnelPort: 4789,
      tunnelGuard: true,
      link: `tx${process.pid}${index}`,
      wireguardLink: this.wireguardLink,
      table: `rules${index}`,
      run: async (program, args, input) =>
        program === 'nft' && !hasNft
          ? { status: 0, stdout: '', stderr: '' }
          : run('ip', ['netns', 'exec', this.namespace, program, ...args], input),
      loadKey: () => loadKey(this.#keyFile),
    };
    this.#keeper = new RouteKeeper(this.#options);
  }

  restart(options: Partial<RouteKeeperOptions> = {}): void {
    this.#options = { ...this.#options, ...options };
    this.#keeper = new RouteKeeper(this.#options);
  }

  async newKey(): Promise<void> {
    await rm(this.#keyFile);
    this.restart();
  }

  must(text: string): Promise<string> {
    return mustRun('ip', ['netns', 'exec', this.namespace, ...text.split(' ')]);
  }

  sync(nodes: readonly Node[]): Promise<KeptRoutes> {
    return this.#keeper.sync(nodes);
  }

  removeAll(): Promise<void> {
    return this.#keeper.removeAll();
  }

  async reaches(other: LanNode, family: 4 | 6 = 4): Promise<boolean> {
    const to = family === 4 ? other.pod : other.pod6;
    const from = family === 4 ? this.pod : this.pod6;
    return this.pings(from, to);
  }

  /** Whether an answer comes to what is sent from the address. */
  async pings(from: string, to: string, waitS = 3): Promise<boolean> {
    const ping = ['busybox', from.includes(':') ? 'ping6' : 'ping', '-c', '1', '-W', `${waitS}`, '-I', from, to];
    return (await run('ip', ['netns', 'exec', this.namespace, ...ping])).status === 0;
  }

  get pod(): string {
    return `10.244.${this.index}.5`;
  }

  get pod6(): string {
    return `fd00:${this.index}::5`;
  }

  /** By key: the addresses that it may use. */
  async peers(): Promise<string[]> {
    const text = await this.must(`wg show ${this.wireguardLink} allowed-ips`);
    return text
      .split('\n')
      .map((line) => line.split('\t')[1] ?? '')
      .filter((line) => line !== '')
      .sort();
  }

  async kindTo(other: LanNode): Promise<string> {
    const [route = ''] = (await this.must(`ip -4 route show 10.244.${other.index}.0/24`)).split('\n');
    return /dev (tw|tx|eth)/.exec(route)?.[1] ?? 'none';
  }
}

/** Of so many nodes. */
export class Lan {
  readonly nodes: readonly LanNode[];
  /** The Node objects that all of them know. */
  readonly cluster: Map<string, Node> = new Map();
  readonly #router: string = `tmwg${process.pid}-r`;

  constructor(size: number, directory: string, implementation: Implementation) {
    this.nodes = Array.from({ length: size }, (_, index) => new LanNode(index + 1, directory, implementation));
  }

  async open(): Promise<void> {
    await mustRun('ip', ['netns', 'add', this.#router]);
    const forward = 'echo 1 >/proc/sys/net/ipv4/ip_forward';
    await mustRun('ip', ['netns', 'exec', this.#router, 'sh', '-c', forward]);
    for (const { namespace, index, pod, pod6 } of this.nodes) {
      await mustRun('ip', ['netns', 'add', namespace]);
      const link = [
        'name',
        `r${index}`,
        'netns',
        this.#router,
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        namespace,
      ];
      await mustRun('ip', ['link', 'add', ...link]);
      await batch(this.#router, [`addr add 10.9${index}.0.1/24 dev r${index}`, `link set r${index} up`]);
      await batch(namespace, [
        'link set lo up',
        `addr add 10.9${index}.0.2/24 dev eth0`,
        'link set eth0 up',
        `route add default via 10.9${index}.0.1`,
        `addr add ${pod}/32 dev lo`,
        `addr add ${pod6}/128 dev lo nodad`,
      ]);
      this.join(index);
    }
  }

  async close(): Promise<void> {
    for (const each of this.nodes) await each.removeAll().catch(() => undefined);
    for (const { namespace } of this.nodes) await run('ip', ['netns', 'delete', namespace]);
    await run('ip', ['netns', 'delete', this.#router]);
  }

  node(index: number): LanNode {
    const found = this.nodes[index - 1];
    if (found === undefined) throw new Error(`there is no node ${index}`);
    return found;
  }

  /** Makes the Node object of a node. */
  join(index: number): void {
    const podCIDRs = [`10.244.${index}.0/24`, `fd00:${index}::/64`];
    this.cluster.set(`n${index}`, {
      metadata: { name: `n${index}`, creationTimestamp: `2026-01-0${index}T00:00:00Z` },
      spec: { podCIDR: podCIDRs[0] ?? '', podCIDRs },
      status: { addresses: [{ type: 'InternalIP', address: `10.9${index}.0.2` }] },
    });
  }

  /** Writes into the Node object of a node what it says of its WireGuard. */
  announce(index: number, announcement: string): void {
    const own = this.cluster.get(`n${index}`);
    if (own === undefined) return;
    const annotations = { [wireguardAnnotation]: announcement };
    this.cluster.set(`n${index}`, { ...own, metadata: { ...own.metadata, annotations } });
  }

  announcementOf(index: number): string {
    return this.cluster.get(`n${index}`)?.metadata.annotations?.[wireguardAnnotation] ?? '';
  }

  /** Which pairs do not reach each other. */
  async unreached(): Promise<string[]> {
    const found: string[] = [];
    for (const from of this.nodes) {
      for (const to of this.nodes) {
        if (from === to) continue;
        for (const family of [4, 6] as const) {
          if (!(await from.reaches(to, family))) found.push(`${from.index} to ${to.index} by IPv${family}`);
        }
      }
    }
    return found;
  }

  /** Syncs the nodes until none has anything new to say. */
  async settle(nodes: readonly LanNode[] = this.nodes): Promise<readonly KeptRoutes[]> {
    for (let round = 0; round < 5; round++) {
      const kept: KeptRoutes[] = [];
      let isQuiet = true;
      for (const each of nodes) {
        const one = await each.sync([...this.cluster.values()]);
        kept.push(one);
        if (!this.cluster.has(`n${each.index}`) || this.announcementOf(each.index) === one.announcement) continue;
        isQuiet = false;
        this.announce(each.index, one.announcement);
      }
      if (isQuiet) return kept;
    }
    throw new Error('the nodes do not come to rest');
  }
}

async function batch(namespace: string, lines: readonly string[]): Promise<void> {
  await mustRun('ip', ['netns', 'exec', namespace, 'ip', '-batch', '-'], `${lines.join('\n')}\n`);
}
