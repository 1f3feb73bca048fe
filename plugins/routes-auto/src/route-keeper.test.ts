import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mustRun, run } from '@timonel/sdk/command';
import type { Node } from '@timonel/sdk/kube';
import type { RunProgram } from './ip.ts';
import { RouteKeeper, type RouteKeeperOptions } from './route-keeper.ts';

// A test that needs root is listed as skipped without it.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

/** Several ranges and addresses with blanks between. */
function node(name: string, ranges: string, addresses: string): Node {
  const podCIDRs = ranges.split(' ');
  const [podCIDR = ''] = podCIDRs;
  const status = { addresses: addresses.split(' ').map((address) => ({ type: 'InternalIP', address })) };
  return { metadata: { name }, spec: { podCIDR, podCIDRs }, status };
}

const self = node('self', '10.244.1.0/24', '10.99.0.1');
const near = node('near', '10.244.2.0/24', '10.99.0.2');
const far = node('far', '10.244.3.0/24', '10.98.0.3');
const farther = node('farther', '10.244.4.0/24', '10.97.0.4');

asRoot('the routes and the tunnel of a machine (needs root)', () => {
  const namespace = `tmkeeper-${process.pid}`;
  const link = 'tx00000000';
  const runInside: RunProgram = (program, args, input) =>
    run('ip', ['netns', 'exec', namespace, program, ...args], input);
  const must = (text: string): Promise<string> => mustRun('ip', ['netns', 'exec', namespace, ...text.split(' ')]);
  const keeper = (options: Partial<RouteKeeperOptions> = {}): RouteKeeper =>
    new RouteKeeper({
      nodeName: 'self',
      clusterCidrs: [],
      tunnels: 'auto',
      tunnelKind: 'vxlan',
      wireguardImplementation: 'kernel',
      wireguardPort: 51_820,
      vni: 84,
      tunnelPort: 4789,
      tunnelGuard: true,
      link,
      wireguardLink: 'tw00000000',
      loadKey: () => Promise.reject(new Error('no key is wanted')),
      table: 'rules_of_test',
      run: runInside,
      ...options,
    });

  beforeEach(async () => {
    await mustRun('ip', ['netns', 'add', namespace]);
    await must('ip link add lan0 mtu 1400 type bridge');
    await must('ip addr add 10.99.0.1/24 dev lan0');
    await must('ip link set lan0 up');
    await must('ip route add 10.98.0.0/24 via 10.99.0.254');
    await must('ip route add 10.97.0.0/24 via 10.99.0.254');
  });
  afterEach(() => mustRun('ip', ['netns', 'delete', namespace]));

  const lines = async (text: string): Promise<string[]> =>
    (await must(text)).split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  const routes = (): Promise<string[]> => lines('ip -4 route show proto 84');
  const neighbours = (): Promise<string[]> => lines(`ip neigh show dev ${link}`);
  const forwarding = (): Promise<string[]> => lines(`bridge fdb show dev ${link}`);
  const hasTunnel = async (): Promise<boolean> => (await lines('ip -o link')).some((line) => line.includes(link));
  const plain = '10.244.2.0/24 via 10.99.0.2 dev lan0';
  const tunnelled = `10.244.3.0/24 via 10.244.3.0 dev ${link} onlink`;

  it('reaches nodes of its link without a tunnel, which is not even there then', async () => {
    expect(await keeper().sync([self, near])).toMatchObject({ added: ['10.244.2.0/24'], removed: [], problems: [] });
    expect([await routes(), await hasTunnel()]).toEqual([[plain], false]);
  });

  it('reaches nodes of other links through the tunnel, and follows them', async () => {
    const kept = keeper();
    await kept.sync([self, near, far]);
    expect(await routes()).toEqual([plain, tunnelled]);
    expect(await neighbours()).toEqual(['10.244.3.0 lladdr 0e:58:0a:f4:03:00 PERMANENT']);
    expect(await forwarding()).toEqual(['0e:58:0a:f4:03:00 dst 10.98.0.3 self permanent']);
    const [shown = ''] = await lines(`ip -o -d link show dev ${link}`);
    for (const part of ['mtu 1350', 'vxlan id 84 local 10.99.0.1', 'dstport 4789 nolearning']) {
      expect(shown).toContain(part);
    }
    expect(await must(`ip -o -4 addr show dev ${link}`)).toContain('inet 10.244.1.0/32');
    expect(await kept.sync([self, near, far])).toMatchObject({ added: [], removed: [], problems: [] });
    // It comes back at another address, and one more comes.
    const moved = node('far', '10.244.3.0/24', '10.98.0.9');
    await kept.sync([self, near, moved, farther]);
    expect(await routes()).toEqual([plain, tunnelled, `10.244.4.0/24 via 10.244.4.0 dev ${link} onlink`]);
    expect((await forwarding()).sort()).toEqual([
      '0e:58:0a:f4:03:00 dst 10.98.0.9 self permanent',
      '0e:58:0a:f4:04:00 dst 10.97.0.4 self permanent',
    ]);
    await kept.sync([self, near, farther]);
    expect([await neighbours(), await forwarding()]).toEqual([
      ['10.244.4.0 lladdr 0e:58:0a:f4:04:00 PERMANENT'],
      ['0e:58:0a:f4:04:00 dst 10.97.0.4 self permanent'],
    ]);
    // It moves to this link.
    await kept.sync([self, near, node('farther', '10.244.4.0/24', '10.99.0.4')]);
    expect([await routes(), await hasTunnel()]).toEqual([[plain, '10.244.4.0/24 via 10.99.0.4 dev lan0'], false]);
  });

  it('mends what somebody has changed, or an earlier run has made otherwise', async () => {
    await keeper({ vni: 7 }).sync([self, far]);
    const kept = keeper();
    await kept.sync([self, far]);
    expect(await must(`ip -o -d link show dev ${link}`)).toContain('vxlan id 84 ');
    const disturbances = [
      `ip link set dev ${link} down`,
      `ip link set dev ${link} mtu 1000`,
      `ip addr del 10.244.1.0/32 dev ${link}`,
      `ip addr add 10.244.9.0/32 dev ${link}`,
      `ip neigh del 10.244.3.0 dev ${link}`,
      `bridge fdb replace 0e:58:0a:f4:03:00 dev ${link} dst 10.98.0.77`,
      `ip link delete dev ${link}`,
    ];
    for (const disturbance of disturbances) {
      await must(disturbance);
      expect(await kept.sync([self, far])).toMatchObject({ problems: [] });
      expect([await routes(), await forwarding()]).toEqual([
        [tunnelled],
        ['0e:58:0a:f4:03:00 dst 10.98.0.3 self permanent'],
      ]);
      expect(await neighbours()).toHaveLength(1);
      const [shown = ''] = await lines(`ip -o -4 addr show dev ${link}`);
      expect(shown).toContain('inet 10.244.1.0/32');
      expect(await must(`ip -o link show dev ${link}`)).toMatch(/,UP,.* mtu 1350 /);
    }
  });

  it('takes the tunnel to all nodes, or to none, when it is told so', async () => {
    await keeper({ tunnels: 'always' }).sync([self, near]);
    expect(await routes()).toEqual([`10.244.2.0/24 via 10.244.2.0 dev ${link} onlink`]);
    const { problems } = await keeper({ tunnels: 'never' }).sync([self, near, far]);
    expect(problems).toEqual([
      'no route to 10.244.3.0/24 through 10.98.0.3 could be made: the node is not on a network that this machine is on too, as it must be without a tunnel',
    ]);
    expect([await routes(), await hasTunnel()]).toEqual([[plain], false]);
  });

  it('follows the MTU of the links that the tunnel goes over, also below what IPv6 needs', async () => {
    for (const [lan, tunnel] of [
      [1300, 1250],
      [9000, 8950],
      [576, 576],
    ]) {
      await must(`ip link set dev lan0 mtu ${lan}`);
      expect(await keeper().sync([self, far])).toMatchObject({ problems: [] });
      expect(await must(`ip -o link show dev ${link}`)).toContain(` mtu ${tunnel} `);
    }
  });

  it('takes the tunnel over links that know no neighbours, such as those of private networks', async () => {
    await must('ip link set dev lan0 arp off');
    await keeper().sync([self, near]);
    expect(await routes()).toEqual([`10.244.2.0/24 via 10.244.2.0 dev ${link} onlink`]);
  });

  it('says that a number of tunnels is taken, and keeps the plain routes', async () => {
    await must('ip link add other type vxlan id 84 dstport 4789');
    await must('ip link set other up');
    const { problems } = await keeper().sync([self, near, far]);
    expect(problems[0]).toBe(
      'the tunnel to nodes on other links cannot be kept: another VXLAN link of this machine has the number 84 at port 4789: give all nodes another vni or tunnelPort (configuration of routes-auto)',
    );
    expect(await routes()).toEqual([plain]);
    expect(await hasTunnel()).toBe(false);
  });

  it('says which nodes there is no way to', async () => {
    const { problems } = await keeper().sync([self, node('lost', '10.244.5.0/24', '192.0.2.1')]);
    expect(problems).toEqual(['this machine knows no way to 192.0.2.1, and so none to the pods of 10.244.5.0/24']);
  });

  describe('of both families', () => {
    const both = node('self', '10.244.1.0/24 fd00:1::/64', '10.99.0.1 fd99::1');
    const routes6 = (): Promise<string[]> => lines('ip -6 route show proto 84');

    beforeEach(async () => {
      await must('ip -6 addr add fd99::1/64 dev lan0 nodad');
      await must('ip route add fd98::/64 via fd99::fe');
    });

    it('leads to each range by the address of its family on a common link', async () => {
      const kept = keeper();
      await kept.sync([both, node('near', '10.244.2.0/24 fd00:2::/64', '10.99.0.2 fd99::2')]);
      expect(await routes()).toEqual([plain]);
      expect(await routes6()).toEqual(['fd00:2::/64 via fd99::2 dev lan0 metric 1024 pref medium']);
      expect(await kept.sync([both])).toMatchObject({ removed: ['10.244.2.0/24', 'fd00:2::/64'] });
      expect([await routes(), await routes6(), await hasTunnel()]).toEqual([[], [], false]);
    });

    it('leads into the tunnel over IPv4, also to ranges whose node has no address of their family', async () => {
      const kept = keeper();
      const nodes = [
        both,
        node('far', '10.244.3.0/24 fd00:3::/64', '10.98.0.3 fd98::3'),
        node('near', '10.244.2.0/24 fd00:2::/64', '10.99.0.2'),
      ];
      expect(await kept.sync(nodes)).toMatchObject({ problems: [] });
      expect(await routes()).toEqual([plain, tunnelled]);
      const hop = `dev ${link} metric 1024 onlink pref medium`;
      expect(await routes6()).toEqual([
        `fd00:2::/64 via fe80::58:af4:200 ${hop}`,
        `fd00:3::/64 via fe80::58:af4:300 ${hop}`,
      ]);
      expect((await neighbours()).sort()).toEqual([
        '10.244.2.0 lladdr 0e:58:0a:f4:02:00 PERMANENT',
        '10.244.3.0 lladdr 0e:58:0a:f4:03:00 PERMANENT',
        'fe80::58:af4:200 lladdr 0e:58:0a:f4:02:00 PERMANENT',
        'fe80::58:af4:300 lladdr 0e:58:0a:f4:03:00 PERMANENT',
      ]);
      expect(await kept.sync(nodes)).toMatchObject({ added: [], removed: [], problems: [] });
      await kept.removeAll();
      expect([await routes(), await routes6(), await hasTunnel()]).toEqual([[], [], false]);
    });

    it('goes over IPv6 where this node has no other address', async () => {
      const kept = keeper();
      const nodes = [node('self', 'fd00:1::/64', 'fd99::1'), node('far', 'fd00:3::/64', 'fd98::3'), far];
      expect(await kept.sync(nodes)).toMatchObject({
        problems: [
          'this machine knows no way to an IPv6 address of node far, and so none to the pods of 10.244.3.0/24',
        ],
      });
      expect(await routes6()).toEqual([
        `fd00:3::/64 via fe80::c3:69f4:9e96 dev ${link} metric 1024 onlink pref medium`,
      ]);
      expect(await forwarding()).toEqual(['0e:c3:69:f4:9e:96 dst fd98::3 self permanent']);
      const [shown = ''] = await lines(`ip -o -d link show dev ${link}`);
      for (const part of ['mtu 1330', 'local fd99::1']) expect(shown).toContain(part);
      expect(await kept.sync(nodes)).toMatchObject({ added: [], removed: [] });
    });
  });

  const rulesShown = async (): Promise<string> =>
    (await mustRun('ip', ['netns', 'exec', namespace, 'nft', 'list', 'ruleset'])).replace(/\s+/g, ' ');

  it('lets in what nodes send through the tunnel, and nothing else; tells connections of its size; mends and removes its rules', async () => {
    const kept = keeper();
    await kept.sync([self, near, far]);
    const rules = await rulesShown();
    expect(rules).toContain('elements = { 10.98.0.3, 10.99.0.1, 10.99.0.2 }');
    expect(rules).toContain('udp dport 4789 @th,96,24 0x54 ip saddr != @nodes drop');
    expect(rules).toContain('udp dport 4789 @th,96,24 0x54 ip6 saddr != @nodes6 drop');
    for (const disturbance of [
      'nft delete table inet rules_of_test',
      'nft flush chain inet rules_of_test prerouting',
    ]) {
      await must(disturbance);
      await kept.sync([self, near, far]);
      expect(await rulesShown()).toBe(rules);
    }
    await kept.sync([self, far]);
    expect(await rulesShown()).toContain('elements = { 10.98.0.3, 10.99.0.1 }');
    await keeper({ tunnelGuard: false }).sync([self, far]);
    expect(await rulesShown()).not.toContain('drop');
    expect(await rulesShown()).toContain(
      `oifname { "tw00000000", "${link}" } tcp flags syn tcp option maxseg size set rt mtu`,
    );
    await kept.sync([self, far]);
    await kept.sync([self, near]);
    expect(await rulesShown()).toBe('');
  });

  it('seals also the ranges that get no route, where only WireGuard counts', async () => {
    const lost = { ...node('lost', '10.244.7.0/24', '10.99.0.7'), status: {} };
    const strict = keeper({ tunnelKind: 'wireguard' });
    await strict.sync([self, near, lost]);
    for (const set of ['sealed4', 'trusted4']) {
      expect(await rulesShown()).toContain(`set ${set} { type ipv4_addr flags interval elements = { 10.244.7.0/24 } }`);
    }
    await strict.sync([self, near]);
    expect(await rulesShown()).toBe('');
    await keeper().sync([self, near, lost]);
    expect(await rulesShown()).toBe('');
  });

  it('keeps what it has while the cluster does not know this node, and removes all at the end', async () => {
    const kept = keeper();
    await kept.sync([self, near, far]);
    expect(await kept.sync([])).toMatchObject({ added: [], removed: [], problems: [] });
    expect([await routes(), await hasTunnel()]).toEqual([[plain, tunnelled], true]);
    await kept.removeAll();
    await kept.removeAll();
    expect([await routes(), await hasTunnel(), await rulesShown()]).toEqual([[], false, '']);
  });
});
