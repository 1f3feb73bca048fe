/** Pods of nodes on different links reach each other: plain routes on a common link, a tunnel past the router. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { bedMissing, createBed, type Bed } from './bed/bed.ts';
import { inPod, pings, PodNode, seenAs } from './bed/pod-nodes.ts';

jest.setTimeout(90_000);
const suite = bedMissing === undefined ? describe : describe.skip;

suite(`pods of nodes on different links${bedMissing === undefined ? '' : ` (${bedMissing})`}`, () => {
  let before: string[];
  let bed: Bed;
  let nodes: PodNode[];
  const address = new Map<string, string>();
  const address6 = new Map<string, string>();
  const at = (pod: string): string => address.get(pod) ?? '';
  const node = (index: number): PodNode => {
    const found = nodes[index - 1];
    if (found === undefined) throw new Error(`there is no node ${index}`);
    return found;
  };
  const podOf = ({ name }: PodNode): string => `p-${name}`;
  /** `from` reaches the pod of `to`, and is seen under its own address. */
  const expectPodToPod = async (from: PodNode, to: PodNode): Promise<void> => {
    expect(await seenAs(from, podOf(from), to, podOf(to), at(podOf(to)))).toBe(at(podOf(from)));
  };
  const addPod = async (to: PodNode): Promise<void> => {
    const [first = '', second = ''] = (await to.pod(podOf(to))).split(' ');
    address.set(podOf(to), first);
    address6.set(podOf(to), second);
  };
  const linksOf = async ({ machine }: PodNode): Promise<string> => machine.mustExec('ip', ['-o', '-d', 'link']);

  beforeAll(async () => {
    before = traces();
    bed = await createBed({ nodes: 3, far: ['n3'] });
    nodes = [1, 2, 3].map((index) => {
      const ranges = [`10.244.${index}.0/24`, `fd00:10:244:${index}::/64`];
      return new PodNode(bed.machine(`n${index}`), ranges, index === 3 ? [] : [`fd99::${index}`]);
    });
    for (const { machine, moreAddresses } of nodes) {
      for (const each of moreAddresses)
        await machine.mustExec('ip', ['addr', 'add', `${each}/64`, 'dev', 'eth0', 'nodad']);
    }
    await Promise.all(nodes.map((each) => each.start()));
    for (const each of nodes) await addPod(each);
    for (const teller of nodes) for (const each of nodes) await each.announceTo(teller);
    for (const each of nodes) {
      await until(async () => (await each.routes()).length === 2, { what: `the routes of ${each.name}` });
    }
  });
  afterAll(async () => {
    await bed?.[Symbol.asyncDispose]();
    expect(newTraces(before).filter((trace) => trace.startsWith('mount') || trace.startsWith('netns'))).toEqual([]);
  });

  it('goes plainly where a link is shared, and through the tunnel where none is', async () => {
    const [plain = '', tunnelled = ''] = await node(1).routes();
    expect(plain).toBe(`10.244.2.0/24 via ${node(2).machine.address} dev eth0`);
    expect(tunnelled).toMatch(/^10\.244\.3\.0\/24 via 10\.244\.3\.0 dev tx[0-9a-f]{8} onlink$/);
    expect((await node(3).routes()).every((route) => route.endsWith(' onlink'))).toBe(true);
    for (const from of nodes) for (const to of nodes) if (from !== to) await expectPodToPod(from, to);
  });

  it('goes likewise with IPv6, also to a node whose machine has no such address', async () => {
    const routes = (await node(1).machine.mustExec('ip', ['-6', 'route', 'show', 'proto', '84'])).split('\n');
    expect(routes[0]).toMatch(/^fd00:10:244:2::\/64 via fd99::2 dev eth0 /);
    expect(routes[1]).toMatch(/^fd00:10:244:3::\/64 via fe80::58:af4:300 dev tx[0-9a-f]{8} /);
    for (const from of nodes) {
      for (const to of nodes) {
        if (from === to) continue;
        const reached = (): Promise<boolean> => pings(from, podOf(from), address6.get(podOf(to)) ?? '', ['-s', '2000']);
        await until(reached, { what: `${from.name} to reach ${to.name} with IPv6` });
      }
    }
  });

  it('leads from nodes to pods, and from pods to nodes', async () => {
    // From within its own range: the answer comes back through the tunnel.
    expect(await seenAs(node(1), undefined, node(3), podOf(node(3)), at('p-n3'))).toBe('10.244.1.0');
    expect(await seenAs(node(3), 'p-n3', node(1), undefined, node(1).machine.address)).toBe(node(3).machine.address);
  });

  it('carries packets of any size, although the tunnel has less room than the links of pods', async () => {
    const size = 2_000_000;
    const serve = `require('net').createServer((s) => s.end(Buffer.alloc(${size}))).listen(7001, '0.0.0.0', () => console.log('up'))`;
    const count = `let n = 0; require('net').connect(7001, '${at('p-n3')}').on('data', (d) => (n += d.length)).on('end', () => console.log(n))`;
    // Nothing tells the server of packets that were too large.
    const deaf =
      'table inet deaf { chain in { type filter hook input priority 0; meta l4proto { icmp, icmpv6 } drop; }; }';
    await node(3).machine.mustExec('ip', ['netns', 'exec', 'p-n3', 'nft', deaf]);
    const inside = ['netns', 'exec', 'p-n3', process.execPath, '-e', serve];
    const server = await node(3).machine.spawn('ip', inside);
    await server.says('up');
    expect(await inPod(node(1), 'p-n1', process.execPath, ['-e', count])).toBe(`${size}\n`);
    await server.kill9();
    await node(3).machine.mustExec('ip', ['netns', 'exec', 'p-n3', 'nft', 'delete', 'table', 'inet', 'deaf']);
    expect(await pings(node(1), 'p-n1', at('p-n3'), ['-s', '4000'])).toBe(true);
  });

  it('takes nothing into the tunnel from a machine that is no node', async () => {
    const receive = `const s = require('dgram').createSocket('udp4'); s.on('message', (m) => console.log('' + m)).bind(7002, () => console.log('up'))`;
    const send = (text: string): string =>
      `const s = require('dgram').createSocket('udp4'); s.connect(7002, '${at('p-n3')}', () => { for (let i = 0; i < 5; i++) s.send('${text}'); setTimeout(() => s.close(), 100); })`;
    const server = await node(3).machine.spawn('ip', ['netns', 'exec', 'p-n3', process.execPath, '-e', receive]);
    await server.says('up');
    // With all that a node would have.
    const lines = [
      `link add evil address 0e:58:0a:f4:02:00 type vxlan id 84 remote ${node(3).machine.address} dstport 4789`,
      'address add 10.244.2.77/32 dev evil',
      'link set evil up',
      'neigh add 10.244.3.0 lladdr 0e:58:0a:f4:03:00 dev evil',
      'route add 10.244.3.0/24 via 10.244.3.0 dev evil onlink',
    ];
    await bed.client.mustExec('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
    await bed.client.mustExec(process.execPath, ['-e', send('from nobody')]);
    await bed.client.mustExec('ip', ['link', 'delete', 'evil']);
    await inPod(node(1), 'p-n1', process.execPath, ['-e', send('from a pod')]);
    await server.says('from a pod');
    expect(server.output).not.toContain('from nobody');
    await server.kill9();
  });

  it('is cut off with the way past the router, and comes back', async () => {
    await bed.cut('n1', 'n3');
    expect(await pings(node(1), 'p-n1', at('p-n3'))).toBe(false);
    expect(await pings(node(2), 'p-n2', at('p-n3'))).toBe(true);
    await bed.heal();
    expect(await pings(node(1), 'p-n1', at('p-n3'))).toBe(true);
  });

  it('a node that lost its power is reached again', async () => {
    const { machine } = node(3);
    await machine.powerOff();
    await machine.powerOn();
    await node(3).start();
    for (const each of nodes) await each.announceTo(node(3));
    await addPod(node(3));
    await until(async () => (await node(3).routes()).length === 2, { what: 'the routes of n3' });
    await expectPodToPod(node(1), node(3));
    await expectPodToPod(node(3), node(2));
  });

  it('a node that is gone has no route and no tunnel any more', async () => {
    await node(1).tell({ deleteNode: 'n3' });
    await until(async () => !(await linksOf(node(1))).includes('vxlan'), { what: 'the tunnel to go' });
    expect(await node(1).routes()).toEqual([`10.244.2.0/24 via ${node(2).machine.address} dev eth0`]);
    await node(3).announceTo(node(1));
    await until(() => pings(node(1), 'p-n1', at('p-n3')), { what: 'n3 to be reached again' });
  });

  it('stays through a restart of the plugin, and leaves nothing at a shutdown', async () => {
    await node(1).tell({ stop: 'restart' });
    expect(await pings(node(2), 'p-n2', at('p-n1'))).toBe(true);
    expect(await pings(node(3), 'p-n3', at('p-n1'))).toBe(true);
    await node(3).tell({ stop: 'shutdown' });
    expect([await node(3).routes(), await linksOf(node(3))]).toEqual([[], expect.not.stringContaining('vxlan')]);
  });
});
