/** Pods of nodes with a router between reach each other through WireGuard, by wireguard-go, and nothing of it can be read on the way. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { hasProgram } from '../../cli/src/cluster/host.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { inPod, pings, PodNode, seenAs } from './bed/pod-nodes.ts';

jest.setTimeout(90_000);
const annotation = 'network.timonel.dev/wireguard';
const withWireguard = { tunnelKind: 'auto', wireguardImplementation: 'userspace' };
const needed = ['wg:wireguard-tools', 'wireguard-go:wireguard-go'].filter(
  (each) => !hasProgram(each.split(':')[0] ?? ''),
);
const missing =
  bedMissing ?? (needed.length === 0 ? undefined : `needs ${needed.map((each) => each.split(':')[1]).join(', ')}`);
const suite = missing === undefined ? describe : describe.skip;

suite(`pods of nodes with WireGuard${missing === undefined ? '' : ` (${missing})`}`, () => {
  let bed: Bed;
  let n1: PodNode;
  let n2: PodNode;
  let n3: PodNode;
  let nodes: readonly PodNode[];
  const addresses = new Map<string, readonly string[]>();
  /** What each node says of its WireGuard, as the API would keep it. */
  const said = new Map<string, string>();
  const at = ({ name }: PodNode, family: 4 | 6 = 4): string => addresses.get(name)?.[family === 4 ? 0 : 1] ?? '';
  const podOf = ({ name }: PodNode): string => `p-${name}`;
  const reaches = (from: PodNode, to: PodNode, family: 4 | 6 = 4, options: string[] = []): Promise<boolean> =>
    pings(from, podOf(from), at(to, family), options);
  const linksOf = async ({ machine }: PodNode): Promise<string> => machine.mustExec('ip', ['-o', '-d', 'link']);
  /** Through which kind of link it reaches the pods of another node. */
  const wayTo = async (from: PodNode, { podCidrs }: PodNode): Promise<string | undefined> =>
    (await from.routes())
      .map((route) => route.split(' '))
      .find(([cidr]) => cidr === podCidrs[0])
      ?.join(' ')
      .match(/dev (tw|tx|eth)/)?.[1];

  /** Tells all nodes what each says of its WireGuard, as one API would. */
  async function spread(): Promise<void> {
    for (const one of nodes) {
      const now = (await one.annotations())[annotation] ?? '';
      said.set(one.name, now);
      for (const teller of nodes) {
        if (teller !== one) await teller.tell({ annotate: { name: one.name, annotations: { [annotation]: now } } });
      }
    }
  }

  async function begin(node: PodNode): Promise<void> {
    await node.start();
    // Itself last: a cluster that knows a node knows the others too.
    for (const each of [...nodes.filter((one) => one !== node), node]) {
      await each.announceTo(node, { [annotation]: said.get(each.name) ?? '' });
    }
    if (node.routing['tunnelKind'] === 'vxlan') return;
    await until(async () => (await node.annotations())[annotation] !== '', { what: `the key of ${node.name}` });
  }

  async function restartWith(node: PodNode, routing: Readonly<Record<string, unknown>>): Promise<void> {
    await node.tell({ stop: 'restart' });
    node.routing = routing;
    await begin(node);
    await spread();
  }

  async function addPod(node: PodNode): Promise<void> {
    addresses.set(node.name, (await node.pod(podOf(node))).split(' '));
  }

  /** Counts what passes the link of a machine: readable packets of pods, those of VXLAN, those of WireGuard. */
  async function count({ machine }: PodNode): Promise<void> {
    const rules = (side: string, pods: string): string =>
      [
        `${side} eth0 ip ${pods} 10.244.0.0/16 counter name plain`,
        `${side} eth0 ip6 ${pods} fd00:10:244::/48 counter name plain`,
        `${side} eth0 udp dport 4789 counter name vxlan`,
        `${side} eth0 udp dport 51820 counter name wireguard`,
      ].join('; ');
    const text = `table inet watch; delete table inet watch; table inet watch {
      counter plain {}
      counter vxlan {}
      counter wireguard {}
      chain in { type filter hook prerouting priority -400; ${rules('iifname', 'saddr')}; }
      chain out { type filter hook postrouting priority 400; ${rules('oifname', 'daddr')}; }
    }`;
    await machine.mustExec('nft', [text]);
  }

  async function counted({ machine }: PodNode): Promise<Record<string, boolean>> {
    const text = await machine.mustExec('nft', ['-j', 'list', 'counters', 'table', 'inet', 'watch']);
    const { nftables } = JSON.parse(text) as { nftables: { counter?: { name: string; packets: number } }[] };
    return Object.fromEntries(
      nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter.packets > 0]] : [])),
    );
  }

  beforeAll(async () => {
    bed = await createBed({ nodes: 3, far: ['n3'] });
    nodes = [1, 2, 3].map(
      (index) => new PodNode(bed.machine(`n${index}`), [`10.244.${index}.0/24`, `fd00:10:244:${index}::/64`]),
    );
    [n1, n2, n3] = nodes as [PodNode, PodNode, PodNode];
    for (const node of [n1, n3]) node.routing = withWireguard;
    await Promise.all(nodes.map((each) => begin(each)));
    for (const each of nodes) await addPod(each);
    await spread();
    await until(async () => (await wayTo(n1, n3)) === 'tw' && (await wayTo(n3, n1)) === 'tw', { what: 'WireGuard' });
  });
  afterAll(() => bed?.[Symbol.asyncDispose]());

  it('go through it where both nodes have it, through VXLAN where one has not, and plainly on a common link', async () => {
    expect([await wayTo(n1, n2), await wayTo(n2, n3), await wayTo(n3, n2)]).toEqual(['eth', 'tx', 'tx']);
    for (const from of nodes) {
      for (const to of nodes) {
        if (from === to) continue;
        expect(await seenAs(from, podOf(from), to, podOf(to), at(to))).toBe(at(from));
      }
    }
    expect([await reaches(n1, n3, 6), await reaches(n3, n2, 6)]).toEqual([true, true]);
  });

  it('send no packets that do not fit, on whichever way', async () => {
    const routes = await inPod(n1, podOf(n1), 'sh', ['-c', 'ip route show default; ip -6 route show default']);
    expect([...routes.matchAll(/mtu (\d+)/g)].map(([, bytes]) => bytes)).toEqual(['1440', '1440']);
    const fits = (bytes: number, family: 4 | 6): Promise<boolean> =>
      reaches(n1, n3, family, ['-M', 'do', '-s', `${bytes - (family === 4 ? 28 : 48)}`]);
    expect([await fits(1440, 4), await fits(1440, 6)]).toEqual([true, true]);
  });

  it('cannot be read on the way', async () => {
    await count(n1);
    expect(await seenAs(n1, podOf(n1), n3, podOf(n3), at(n3))).toBe(at(n1));
    expect(await seenAs(n3, podOf(n3), n1, podOf(n1), at(n1))).toBe(at(n3));
    expect([await reaches(n1, n3, 6), await reaches(n3, n1, 6, ['-s', '3000'])]).toEqual([true, true]);
    // Nodes reach pods from their own range, and pods of others.
    expect(await seenAs(n3, undefined, n1, podOf(n1), at(n1))).toBe('10.244.3.0');
    expect(await n3.machine.mustExec('ping', ['-n', '-c', '1', '-W', '1', at(n1, 6)])).toContain('time=');
    expect(await counted(n1)).toEqual({ plain: false, vxlan: false, wireguard: true });
  });

  it('leave by no other way while the link is gone, and go on when it is there again', async () => {
    await n1.kill9();
    await count(n1);
    const link = /tw[0-9a-f]{8}/.exec(await linksOf(n1))?.[0] ?? '';
    await n1.machine.mustExec('ip', ['link', 'delete', 'dev', link]);
    await n1.machine.mustExec('ip', ['route', 'add', 'default', 'via', '10.99.0.254']);
    expect([await reaches(n1, n3), await reaches(n1, n3, 6)]).toEqual([false, false]);
    expect(await counted(n1)).toEqual({ plain: false, vxlan: false, wireguard: false });
    await n1.machine.mustExec('ip', ['route', 'delete', 'default']);
    await begin(n1);
    await until(() => reaches(n1, n3), { what: 'n3 to be reached again' });
  });

  it('are reached when their node has lost its power, and has another key', async () => {
    const [before] = Object.values(await n3.annotations());
    await n3.machine.powerOff();
    await n3.machine.powerOn();
    const keyFile = (await n3.machine.mustExec('find', [n3.machine.dataDir, '-name', 'wireguard.key'])).trim();
    await n3.machine.mustExec('rm', [keyFile]);
    said.delete('n3');
    await begin(n3);
    await addPod(n3);
    await spread();
    await until(() => reaches(n3, n1), { what: 'n1 to be reached' });
    await until(() => reaches(n1, n3), { what: 'n3 to be reached' });
    expect(Object.values(await n3.annotations())[0]).not.toBe(before);
    const peers = await n1.machine.mustExec('wg', ['show', 'all', 'allowed-ips']);
    expect(peers.trim().split('\n')).toEqual([expect.stringContaining('10.244.3.0/24')]);
  });

  it('go through it on a common link too where a node wants all to, and are heard by nothing else then', async () => {
    await restartWith(n2, { ...withWireguard, tunnels: 'always' });
    await until(async () => (await wayTo(n1, n2)) === 'tw' && (await wayTo(n2, n1)) === 'tw', { what: 'WireGuard' });
    await count(n1);
    for (const [from, to] of [
      [n1, n2],
      [n2, n1],
      [n2, n3],
      [n3, n2],
    ] as const) {
      await until(() => reaches(from, to), { what: `${from.name} to reach ${to.name}` });
    }
    expect(await counted(n1)).toEqual({ plain: false, vxlan: false, wireguard: true });
    // A machine of the link that speaks as a pod of n2.
    const receive = `const s = require('dgram').createSocket('udp4'); s.on('message', (m) => console.log('' + m)).bind(7002, () => console.log('up'))`;
    const send = (text: string): string =>
      `const s = require('dgram').createSocket('udp4'); s.connect(7002, '${at(n1)}', () => { for (let i = 0; i < 5; i++) s.send('${text}'); setTimeout(() => s.close(), 100); })`;
    const server = await n1.machine.spawn('ip', ['netns', 'exec', podOf(n1), process.execPath, '-e', receive]);
    await server.says('up');
    const lines = [
      'addr add 10.244.2.77/32 dev eth0',
      `route add 10.244.1.0/24 via ${n1.machine.address} src 10.244.2.77`,
    ];
    await bed.client.mustExec('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
    await bed.client.mustExec(process.execPath, ['-e', send('from nobody')]);
    await inPod(n2, podOf(n2), process.execPath, ['-e', send('from a pod')]);
    await server.says('from a pod');
    expect(server.output).not.toContain('from nobody');
    await server.kill9();
  });

  it('go on through a restart of their node, and leave nothing at a shutdown: no link, no rule, no program', async () => {
    await n1.tell({ stop: 'restart' });
    expect(await reaches(n3, n1)).toBe(true);
    await begin(n1);
    expect([await reaches(n3, n1), await reaches(n1, n3, 6)]).toEqual([true, true]);
    await n3.tell({ stop: 'shutdown' });
    expect(await n3.routes()).toEqual([]);
    expect(await linksOf(n3)).not.toMatch(/ t[wx][0-9a-f]{8}/);
    expect(await n3.machine.mustExec('nft', ['list', 'tables'])).not.toContain('_tunnel');
    const programs = async (): Promise<string> => n3.machine.mustExec('ps', ['-e', '-o', 'stat,comm']);
    await until(async () => !/^[^Z].*wireguard-go/m.test(await programs()), { what: 'wireguard-go to end' });
    expect(await n3.machine.mustExec('ls', ['/run/wireguard'])).toBe('');
  });
});
