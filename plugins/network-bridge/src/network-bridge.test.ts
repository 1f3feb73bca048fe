import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Logger } from '@timonel/sdk';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { pluginSuite } from '@timonel/testkit';
import { networkContract } from '@timonel/testkit/contracts/network';
import { ask, run, serve } from '@timonel/testkit/network-namespaces';
import { BridgeNetwork } from './bridge-network.ts';
import plugin from './index.ts';
import { namesFor } from './names.ts';
import { Bed, config, linkNames, log, timers } from './testing/bed.ts';

jest.setTimeout(60_000);
const isRoot = process.getuid?.() === 0;
// A test that needs root is listed as skipped without it.
const asRoot = isRoot ? describe : describe.skip;

if (isRoot) {
  networkContract('network-bridge', async () => {
    const bed = await new Bed('10.213.1.0/24').open();
    return {
      network: bed.network,
      makeNamespace: () => bed.makeNamespace(),
      removeNamespace: (path) => bed.removeNamespace(path),
      restart: () => bed.restart(),
      close: () => bed.close(),
    };
  });
}

if (isRoot) {
  describe('network-bridge in a kernel', () => {
    // Links of others come and go beside.
    afterAll(async () => expect((await run('ip', ['-br', 'addr'])).stdout).not.toContain('10.213.7.'));

    pluginSuite('network-bridge', () => ({
      entry: { definition: plugin, source: 'built-in', config: { podCidr: '10.213.7.0/24' } },
      dependencies: [],
      load: async (kernel) => {
        const { podCidr } = await kernel.service(podNetwork).nodeNetwork();
        if (podCidr !== '10.213.7.0/24') throw new Error(podCidr);
      },
    }));
  });
}

asRoot('network-bridge with real links', () => {
  let bed: Bed;
  let linksBefore: readonly string[];
  let forwardingBefore: string;

  beforeAll(async () => {
    linksBefore = await linkNames();
    forwardingBefore = await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8');
    bed = await new Bed('10.213.2.0/24').open();
  });
  afterEach(() => bed.network.retain([]));
  afterAll(async () => {
    await bed.close();
    const names = namesFor(bed.dataDir);
    const links = await linkNames();
    expect(links).not.toContain(names.bridge);
    expect((await run('nft', ['list', 'tables'])).stdout).not.toContain(names.table);
    // Another instance may have been there, and needed it, at one time and not at the other.
    const otherInstances = [...linksBefore, ...links].some((name) => /^tml[0-9a-f]{6}$/.test(name));
    if (!otherInstances) expect(await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8')).toBe(forwardingBefore);
  });

  it('pods reach each other, the node, and themselves; the node reaches pods', async () => {
    const [a, b] = [await bed.pod('tcp-a'), await bed.pod('tcp-b')];
    const gateway = (await bed.network.nodeNetwork()).nodeAddress;
    const servers = await Promise.all([serve(a.path, '0.0.0.0', 7001), serve(undefined, gateway, 7002)]);
    try {
      expect(await ask(b.path, a.address, 7001)).toBe(b.address);
      expect(await ask(a.path, a.address, 7001)).toBe(a.address);
      expect(await ask(undefined, a.address, 7001)).toBe(gateway);
      expect(await ask(a.path, gateway, 7002)).toBe(a.address);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  it('routes pod to pod traffic through the node, where services and policies apply', async () => {
    const [a, b] = [await bed.pod('routed-a'), await bed.pod('routed-b')];
    const table = `timonel_test_${process.pid}`;
    const rules = `table ip ${table} { chain f { type filter hook forward priority 0; ip saddr ${a.address} ip daddr ${b.address} drop; }; }`;
    const server = await serve(b.path, '0.0.0.0', 7003);
    try {
      expect(await ask(a.path, b.address, 7003)).toBe(a.address);
      await run('nft', [rules]);
      expect(await ask(a.path, b.address, 7003)).toBe('timeout');
    } finally {
      await run('nft', ['delete', 'table', 'ip', table]).catch(() => undefined);
      await server.close();
    }
  });

  it('lets pods reach each other by addresses that the node translates, also where the kernel asks its rules for frames', async () => {
    const [a, b] = [await bed.pod('translated-a'), await bed.pod('translated-b')];
    const table = `tmnet_${process.pid}`;
    const rule = `ip daddr 198.51.100.77 dnat to ${b.address}`;
    const rules = `table ip ${table} { chain c { type nat hook prerouting priority dstnat; ${rule}; }; }`;
    const server = await serve(b.path, b.address, 8080);
    try {
      await run('nft', [rules]);
      // Rules of another cluster on this machine may put the node's address in place of the client's.
      expect(await ask(a.path, '198.51.100.77', 8080)).toMatch(/^10\.213\.2\.\d+$/);
    } finally {
      await run('nft', ['delete', 'table', 'ip', table]).catch(() => undefined);
      await server.close();
    }
  });

  it('pods have no address of the link: they would reach each other past policies; ::1 and sockets of both families work', async () => {
    const [a, b] = [await bed.pod('link-a'), await bed.pod('link-b')];
    const shown = await run('nsenter', [`--net=${a.path}`, 'ip', '-6', '-br', 'addr', 'show', 'dev', 'eth0']);
    expect(shown.stdout).toBe('');
    const server = await serve(a.path, '::', 7007);
    try {
      expect(await ask(b.path, a.address, 7007)).toBe(`::ffff:${b.address}`);
      expect(await ask(a.path, '::1', 7007)).toBe('::1');
    } finally {
      await server.close();
    }
  });

  it('masquerades what leaves the cluster and nothing else', async () => {
    const pod = await bed.pod('masquerade');
    // "Outside" is a namespace on a link of its own, which knows no way back to the pods.
    const outside = await bed.makeNamespace();
    const link = `tmt${process.pid}`.slice(0, 15);
    await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside]);
    try {
      await run('ip', ['addr', 'add', '10.213.99.1/30', 'dev', link]);
      await run('ip', ['link', 'set', link, 'up']);
      await run('nsenter', [`--net=${outside}`, 'ip', 'addr', 'add', '10.213.99.2/30', 'dev', 'eth0']);
      await run('nsenter', [`--net=${outside}`, 'ip', 'link', 'set', 'eth0', 'up']);
      const server = await serve(outside, '0.0.0.0', 7004);
      expect(await ask(pod.path, '10.213.99.2', 7004)).toBe('10.213.99.1');
      await server.close();
    } finally {
      await run('ip', ['link', 'delete', link]);
    }
  });

  it('keeps working links over a restart, and removes links that nobody owns', async () => {
    const pod = await bed.pod('restart');
    const names = namesFor(bed.dataDir);
    await run('ip', ['link', 'add', 'tv00000bad', 'type', 'veth', 'peer', 'name', `tmt${process.pid}`.slice(0, 15)]);
    await run('ip', ['link', 'set', 'tv00000bad', 'master', names.bridge]);
    const server = await serve(pod.path, '0.0.0.0', 7005);
    const index = (await run('ip', ['-j', 'link', 'show', names.veth('restart', 0)])).stdout;
    await bed.restart();
    expect((await run('ip', ['-j', 'link', 'show', names.veth('restart', 0)])).stdout).toBe(index);
    expect(await linkNames()).not.toContain('tv00000bad');
    expect(await ask(undefined, pod.address, 7005)).not.toBe('timeout');
    await server.close();
  });

  it('makes a link anew, with the same address, when it is gone', async () => {
    const pod = await bed.pod('again');
    await run('ip', ['link', 'delete', namesFor(bed.dataDir).veth('again', 0)]);
    expect(await bed.attach('again', pod.path)).toBe(pod.address);
    const server = await serve(pod.path, '0.0.0.0', 7006);
    expect(await ask(undefined, pod.address, 7006)).not.toBe('timeout');
    await server.close();
  });

  it('stays while pods are attached, when the plugin stops', async () => {
    await bed.pod('outlives');
    await bed.network.stop();
    expect(await linkNames()).toContain(namesFor(bed.dataDir).veth('outlives', 0));
    await bed.restart();
    expect(await bed.network.list()).toHaveLength(1);
  });

  it('leaves nothing after 50 attachments, and says how long one takes', async () => {
    const before = await bed.links();
    const namespaces = await Promise.all(Array.from({ length: 10 }, () => bed.makeNamespace()));
    const times: number[] = [];
    for (let i = 0; i < 50; i++) {
      const start = performance.now();
      await bed.attach(`many-${i}`, namespaces[i % 10] ?? '');
      times.push(performance.now() - start);
      await bed.network.detach(`many-${i}`);
    }
    times.sort((a, b) => a - b);
    process.stdout.write(
      `network-bridge attach: median ${times[25]?.toFixed(1)} ms, best ${times[0]?.toFixed(1)} ms\n`,
    );
    expect(await bed.links()).toEqual(before);
    expect(JSON.parse(await readFile(join(bed.dataDir, 'attachments.json'), 'utf8'))).toEqual({
      version: 1,
      attachments: [],
    });
  });

  it('attaches many pods at once', async () => {
    const pods = await Promise.all(Array.from({ length: 20 }, (_, i) => bed.pod(`once-${i}`)));
    expect(new Set(pods.map(({ address }) => address)).size).toBe(20);
  });
});

asRoot('network-bridge and bad input', () => {
  it('goes on without nft, and says what pods cannot reach', async () => {
    const programs = await mkdtemp(join(tmpdir(), 'timonel-path-'));
    for (const program of ['ip', 'sh', 'nsenter']) {
      const { stdout } = await run('sh', ['-c', `command -v ${program}`]);
      await symlink(stdout.trim(), join(programs, program));
    }
    const path = process.env['PATH'] ?? '';
    const warnings: string[] = [];
    process.env['PATH'] = programs;
    const dataDir = await mkdtemp(join(tmpdir(), 'timonel-net-'));
    const warning: Logger = { ...log, warn: (_fields, message) => warnings.push(message) };
    const network = new BridgeNetwork(dataDir, config('10.213.8.0/24'), warning, timers);
    try {
      await network.start();
      expect(warnings).toEqual([expect.stringMatching(/nft is not installed.*nothing outside/)]);
      await network.stop();
    } finally {
      process.env['PATH'] = path;
      for (const directory of [dataDir, programs]) await rm(directory, { recursive: true, force: true });
    }
    expect(await linkNames()).not.toContain(namesFor(dataDir).bridge);
  });

  it('says when all addresses are in use, and gives a freed one again', async () => {
    const bed = await new Bed('10.213.3.0/29').open();
    try {
      const pods = [];
      for (let i = 0; i < 5; i++) pods.push(await bed.pod(`full-${i}`));
      await expect(bed.pod('full-5')).rejects.toMatchObject({ name: 'NetworkError', code: 'ADDRESSES_EXHAUSTED' });
      await bed.network.detach('full-2');
      expect((await bed.pod('full-6')).address).toBe(pods[2]?.address);
    } finally {
      await bed.close();
    }
  });

  it('refuses a podCidr that overlaps a route, names the route, and leaves nothing', async () => {
    const first = await new Bed('10.213.4.0/24').open();
    const dataDir = await mkdtemp(join(tmpdir(), 'timonel-net-'));
    try {
      const second = new BridgeNetwork(dataDir, config('10.213.0.0/16'), log, timers);
      await expect(second.start()).rejects.toThrow(/overlaps the route 10\.213\.\d+\.0\/\d+ dev tml/);
      expect(await linkNames()).not.toContain(namesFor(dataDir).bridge);
    } finally {
      await first.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  it('refuses sandboxes without a namespace and files that are none, and keeps no address', async () => {
    const bed = await new Bed('10.213.5.0/24').open();
    try {
      const request = { sandboxId: 'x', podUid: 'x', podNamespace: 'default', podName: 'x' };
      for (const networkNamespace of [undefined, '/nowhere', 'relative']) {
        await expect(bed.network.attach({ ...request, networkNamespace })).rejects.toMatchObject({
          code: 'NO_NAMESPACE',
        });
      }
      const file = join(bed.dataDir, 'a file with spaces');
      await writeFile(file, '');
      await expect(bed.attach('x', file)).rejects.toMatchObject({ code: 'COMMAND_FAILED' });
      expect(await bed.network.list()).toEqual([]);
    } finally {
      await bed.close();
    }
  });

  it('refuses a damaged file of addresses and does not touch it', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'timonel-net-'));
    const path = join(dataDir, 'attachments.json');
    await writeFile(path, '{"version":1,');
    const digest = createHash('sha256')
      .update(await readFile(path))
      .digest('hex');
    await expect(new BridgeNetwork(dataDir, config('10.213.6.0/24'), log, timers).start()).rejects.toThrow(
      /is damaged/,
    );
    expect(
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex'),
    ).toBe(digest);
    await rm(dataDir, { recursive: true, force: true });
  });
});
