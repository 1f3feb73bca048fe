import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { networkContract } from '@timonel/testkit/contracts/network';
import { ask, run, serve } from '@timonel/testkit/network-namespaces';
import { BridgeNetwork } from './bridge-network.ts';
import { configSchema } from './config.ts';
import { namesFor } from './names.ts';
import { Bed, config, linkNames, log, request, timers } from './testing/bed.ts';

jest.setTimeout(60_000);
const isRoot = process.getuid?.() === 0;
// A test that needs root is listed as skipped without it.
const asRoot = isRoot ? describe : describe.skip;

if (isRoot) {
  for (const [families, make] of [
    ['both families', () => new Bed('10.213.10.0/24', { podCidr6: 'fd00:213:10::/64' })],
    ['IPv6 alone', () => new Bed('fd00:213:14::/64')],
  ] as const) {
    networkContract(`network-bridge with ${families}`, async () => {
      const bed = await make().open();
      return {
        network: bed.network,
        makeNamespace: () => bed.makeNamespace(),
        removeNamespace: (path) => bed.removeNamespace(path),
        restart: () => bed.restart(),
        close: () => bed.close(),
      };
    });
  }
}

asRoot('network-bridge with both families', () => {
  let bed: Bed;
  let linksBefore: readonly string[];
  let forwardingBefore: string;
  const node = 'fd00:213:11::1';
  const forwarding = (): Promise<string> => readFile('/proc/sys/net/ipv6/conf/all/forwarding', 'utf8');

  const pod = async (id: string, more = {}): Promise<{ path: string; address: string }> => {
    const path = await bed.makeNamespace();
    const { addresses } = await bed.network.attach({ ...request(id, path), ...more });
    return { path, address: addresses[1] ?? '' };
  };

  beforeAll(async () => {
    linksBefore = await linkNames();
    forwardingBefore = await forwarding();
    bed = await new Bed('10.213.11.0/24', { podCidr6: 'fd00:213:11::/64' }).open();
  });
  afterAll(async () => {
    await bed.close();
    const names = namesFor(bed.dataDir);
    const links = await linkNames();
    expect(links).not.toContain(names.bridge);
    for (const family of ['ip6', 'bridge'])
      expect((await run('nft', ['list', 'tables', family])).stdout).not.toContain(names.table);
    // Another instance may have been there, and needed it, at one time and not at the other.
    const otherInstances = [...linksBefore, ...links].some((name) => /^tml[0-9a-f]{6}$/.test(name));
    if (!otherInstances) expect(await forwarding()).toBe(forwardingBefore);
  });

  it('pods reach each other, the node, and their host ports over IPv6; the node reaches pods', async () => {
    const hostPorts = [{ protocol: 'TCP', hostIP: '', hostPort: 39_200, containerPort: 7010 }];
    const [a, b] = [await pod('a', { hostPorts }), await pod('b')];
    expect([a.address, b.address]).toEqual(['fd00:213:11::2', 'fd00:213:11::3']);
    const servers = await Promise.all([serve(a.path, '::', 7010), serve(undefined, node, 7011)]);
    try {
      expect(await ask(b.path, a.address, 7010)).toBe(b.address);
      expect(await ask(undefined, a.address, 7010)).toBe(node);
      expect(await ask(a.path, node, 7011)).toBe(a.address);
      expect(await ask(b.path, node, 39_200)).toBe(b.address);
      expect(await ask(a.path, node, 39_200)).toBe(node);
      expect(await ask(undefined, '10.213.11.1', 39_200)).toBe('::ffff:10.213.11.1');
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  it('pods do not reach each other by addresses of the link, also where ports are not isolated', async () => {
    const [a, b] = [await pod('link-a'), await pod('link-b')];
    for (const [id, { path }, address] of [
      ['link-a', a, 'fe80::a'],
      ['link-b', b, 'fe80::b'],
    ] as const) {
      const link = ['link', 'set', namesFor(bed.dataDir).veth(id, 0), 'type', 'bridge_slave', 'isolated', 'off'];
      await run('ip', link);
      await run('nsenter', [`--net=${path}`, 'ip', 'addr', 'add', `${address}/64`, 'dev', 'eth0', 'nodad']);
    }
    const server = await serve(a.path, '::', 7013);
    try {
      expect(await ask(b.path, a.address, 7013)).toBe(b.address);
      expect(await ask(b.path, 'fe80::a%eth0', 7013)).toMatch(/^(timeout|EHOSTUNREACH)$/);
    } finally {
      await server.close();
    }
  });

  it('masquerades what leaves the cluster over IPv6', async () => {
    const one = await pod('masquerade');
    // "Outside" is a namespace on a link of its own, which knows no way back to the pods.
    const outside = await bed.makeNamespace();
    const link = `tmt6${process.pid}`.slice(0, 15);
    await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside]);
    try {
      await run('ip', ['addr', 'add', 'fd00:213:99::1/64', 'dev', link, 'nodad']);
      await run('ip', ['link', 'set', link, 'up']);
      await run('nsenter', [`--net=${outside}`, 'ip', 'addr', 'add', 'fd00:213:99::2/64', 'dev', 'eth0', 'nodad']);
      await run('nsenter', [`--net=${outside}`, 'ip', 'link', 'set', 'eth0', 'up']);
      const server = await serve(outside, '::', 7012);
      expect(await ask(one.path, 'fd00:213:99::2', 7012)).toBe('fd00:213:99::1');
      await server.close();
    } finally {
      await run('ip', ['link', 'delete', link]);
    }
  });

  it('a pod cannot make itself the router of the node or of other pods', async () => {
    const bridge = namesFor(bed.dataDir).bridge;
    expect((await readFile(`/proc/sys/net/ipv6/conf/${bridge}/accept_ra`, 'utf8')).trim()).toBe('0');
    const { path } = await pod('router');
    const inPod = await run('nsenter', [`--net=${path}`, 'cat', '/proc/sys/net/ipv6/conf/eth0/accept_ra']);
    expect(inPod.stdout.trim()).toBe('0');
  });
});

asRoot('network-bridge with IPv6 alone', () => {
  it('pods have no address of IPv4, and reach each other, the node, and their host ports', async () => {
    const bed = await new Bed('fd00:213:15::/120').open();
    const pod = async (id: string, more = {}): Promise<{ path: string; address: string }> => {
      const path = await bed.makeNamespace();
      const { addresses, gateway } = await bed.network.attach({ ...request(id, path), ...more });
      expect([addresses.length, gateway]).toEqual([1, node]);
      return { path, address: addresses[0] ?? '' };
    };
    const node = 'fd00:213:15::1';
    const hostPorts = [{ protocol: 'TCP', hostIP: '', hostPort: 39_201, containerPort: 7010 }];
    const [a, b] = [await pod('a', { hostPorts }), await pod('b')];
    expect([a.address, b.address]).toEqual(['fd00:213:15::2', 'fd00:213:15::3']);
    expect(await bed.network.nodeNetwork()).toEqual({ podCidr: 'fd00:213:15::/120', nodeAddress: node });
    const { stdout } = await run('nsenter', [`--net=${a.path}`, 'ip', '-4', '-o', 'address', 'show', 'dev', 'eth0']);
    expect(stdout).toBe('');
    const servers = await Promise.all([serve(a.path, '::', 7010), serve(undefined, node, 7011)]);
    try {
      expect(await ask(b.path, a.address, 7010)).toBe(b.address);
      expect(await ask(undefined, a.address, 7010)).toBe(node);
      expect(await ask(a.path, node, 7011)).toBe(a.address);
      expect(await ask(b.path, node, 39_201)).toBe(b.address);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
      await bed.close();
    }
  });
});

asRoot('network-bridge and bad ranges of IPv6', () => {
  it('refuses a range that overlaps a route, names it, and leaves nothing', async () => {
    const first = await new Bed('10.213.12.0/24', { podCidr6: 'fd00:213:12::/64' }).open();
    const dataDir = await mkdtemp(join(tmpdir(), 'timonel-net-'));
    try {
      const second = new BridgeNetwork(
        dataDir,
        { ...config('10.213.13.0/24'), podCidr6: 'fd00:213::/32' },
        log,
        timers,
      );
      await expect(second.start()).rejects.toThrow(
        /^podCidr6 fd00:213::\/32 overlaps the route fd00:213:\S+ dev tml.* choose another podCidr6/,
      );
      expect(await linkNames()).not.toContain(namesFor(dataDir).bridge);
    } finally {
      await first.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('refuses what is no range, and one with fewer addresses than podCidr', () => {
    const problems = (podCidr6: string): string | undefined =>
      configSchema.safeParse({ podCidr: '10.1.0.0/24', podCidr6 }).error?.issues[0]?.message;
    expect(problems('fd00::/64')).toBeUndefined();
    expect(problems('10.1.0.0/24')).toMatch(/^is not an IPv6 range/);
    expect(problems('fd00::/126')).toMatch(/^is not an IPv6 range/);
    expect(problems('fd00::/121')).toBe('has fewer addresses than podCidr');
    const alone = (podCidr: string): string | undefined =>
      configSchema.safeParse({ podCidr }).error?.issues[0]?.message;
    expect(alone('fd00::/64')).toBeUndefined();
    for (const bad of ['fd00::/126', 'fd00::/15', '10.1.0.0/30', 'x'])
      expect(alone(bad)).toMatch(/^is not a range such/);
    const twice = configSchema.safeParse({ podCidr: 'fd00::/64', podCidr6: 'fd01::/64' }).error?.issues[0]?.message;
    expect(twice).toBe('is beside podCidr, which must be of IPv4 then');
  });
});
