import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { AttachRequest, HostPort } from '@timonel/sdk/contracts/network';
import { ask, run, serve } from '@timonel/testkit/network-namespaces';
import { ifbOf, namesFor } from './names.ts';
import { Bed, linkNames, request } from './testing/bed.ts';
import { answerUdp, udpClient } from './testing/udp.ts';

jest.setTimeout(60_000);
// A test that needs root is listed as skipped without it.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

const port = (hostPort: number, more: Partial<HostPort> = {}): HostPort => ({
  protocol: 'TCP',
  hostIP: '',
  hostPort,
  containerPort: 80,
  ...more,
});

interface TestPod {
  readonly path: string;
  readonly address: string;
}

asRoot('what pods ask of network-bridge', () => {
  let bed: Bed;
  let node: string;
  const table = (): Promise<string> =>
    run('nft', ['list', 'table', 'ip', namesFor(bed.dataDir).hostPortTable]).then(({ stdout }) => stdout);

  const pod = async (id: string, asked: Partial<AttachRequest>): Promise<TestPod> => {
    const path = await bed.makeNamespace();
    const { addresses, warnings } = await bed.network.attach({ ...request(id, path), ...asked });
    expect(warnings).toBeUndefined();
    return { path, address: addresses[0] ?? '' };
  };

  beforeAll(async () => {
    bed = await new Bed('10.213.9.0/29').open();
    node = (await bed.network.nodeNetwork()).nodeAddress;
  });
  afterEach(() => bed.network.retain([]));
  afterAll(async () => {
    await bed.close();
    await expect(table()).rejects.toThrow(/No such file/);
  });

  it('host ports lead to the pod: from the node, from other pods, from itself, and from 127.0.0.1', async () => {
    const one = await pod('ports', { hostPorts: [port(39_001), port(39_002, { hostIP: '127.0.0.1' })] });
    const other = await pod('ports-client', {});
    const server = await serve(one.path, '0.0.0.0', 80);
    try {
      expect(await ask(undefined, node, 39_001)).toBe(node);
      expect(await ask(other.path, node, 39_001)).toBe(other.address);
      // It has to seem to be the node, or it would answer itself past the translation.
      expect(await ask(one.path, node, 39_001)).toBe(node);
      expect(await ask(undefined, '127.0.0.1', 39_001)).toBe(node);
      expect(await ask(undefined, '127.0.0.1', 39_002)).toBe(node);
      expect(await ask(undefined, node, 39_002)).toBe('ECONNREFUSED');
    } finally {
      await server.close();
    }
  });

  it('one port of several addresses and protocols leads to several pods', async () => {
    const one = await pod('local', { hostPorts: [port(39_003, { hostIP: '127.0.0.1' })] });
    const silent = await pod('node', {
      hostPorts: [port(39_003, { hostIP: node }), port(39_003, { protocol: 'UDP' })],
    });
    const server = await serve(one.path, one.address, 80);
    try {
      expect(await ask(undefined, '127.0.0.1', 39_003)).toBe(node);
      expect(await ask(undefined, node, 39_003)).toBe('ECONNREFUSED');
      expect(await table()).toContain(`udp . 39003 : ${silent.address} . 80`);
    } finally {
      await server.close();
    }
  });

  it('the pod sees the address of its client, also where other rules would hide it', async () => {
    const one = await pod('seeing', { hostPorts: [port(39_008)] });
    const other = await pod('seen', {});
    const table = `tmnet_${process.pid}`;
    const hiding = `table ip ${table} { chain c { type nat hook postrouting priority srcnat; ct status dnat masquerade; }; }`;
    const server = await serve(one.path, '0.0.0.0', 80);
    try {
      await run('nft', [hiding]);
      expect(await ask(other.path, node, 39_008)).toBe(other.address);
    } finally {
      await run('nft', ['delete', 'table', 'ip', table]).catch(() => undefined);
      await server.close();
    }
  });

  it('a pod whose ports cannot be had has no network, and nothing is kept of it', async () => {
    const path = await bed.makeNamespace();
    const asked = { ...request('refused', path), hostPorts: [port(39_010, { hostIP: 'no address' })] };
    await expect(bed.network.attach(asked)).rejects.toThrow(/nft failed with status 1/);
    expect(await bed.network.list()).toEqual([]);
    expect(await bed.links()).toEqual([]);
    expect(await readFile(join(bed.dataDir, 'attachments.json'), 'utf8')).toBe('{"version":1,"attachments":[]}');
    await pod('next', { hostPorts: [port(39_010)] });
    expect(await table()).toContain('39010');
  });

  it('host ports do not take what a service has', async () => {
    const [one, other] = [await pod('host-port', { hostPorts: [port(39_009)] }), await pod('service', {})];
    const table = `tmnet_${process.pid}`;
    const rule = `ip daddr ${node} tcp dport 39009 dnat to ${other.address}:80`;
    const service = `table ip ${table} { chain c { type nat hook output priority -100; ${rule}; }; }`;
    const server = await serve(one.path, '0.0.0.0', 80);
    try {
      expect(await ask(undefined, node, 39_009)).toBe(node);
      await run('nft', [service]);
      expect(await ask(undefined, node, 39_009)).toBe('ECONNREFUSED');
    } finally {
      await run('nft', ['delete', 'table', 'ip', table]).catch(() => undefined);
      await server.close();
    }
  });

  it('host ports go with their pod, stay over a restart, and their table is there only while it is needed', async () => {
    const kept = await pod('kept', { hostPorts: [port(39_004)] });
    await pod('gone', { hostPorts: [port(39_005)] });
    await bed.network.detach('gone');
    expect(await table()).not.toContain('39005');
    await bed.restart();
    const server = await serve(kept.path, '0.0.0.0', 80);
    expect(await ask(undefined, node, 39_004)).toBe(node);
    await server.close();
    await bed.network.detach('kept');
    await expect(table()).rejects.toThrow(/No such file/);
  });

  it('pods do not reach what listens on 127.0.0.1 of the node, also when the last host port has gone', async () => {
    await pod('with-port', { hostPorts: [port(39_006)] });
    const one = await pod('intruder', {});
    const server = await serve(undefined, '127.0.0.1', 39_007);
    const address = ['addr', 'del', '127.0.0.1/8', 'dev', 'lo'];
    try {
      await run('nsenter', [`--net=${one.path}`, 'ip', ...address]);
      await run('nsenter', [`--net=${one.path}`, 'ip', 'route', 'add', '127.0.0.1', 'via', node, 'dev', 'eth0']);
      await run('nsenter', [`--net=${one.path}`, 'ip', 'link', 'set', 'lo', 'down']);
      await run('nsenter', [`--net=${one.path}`, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/conf/eth0/route_localnet']);
      expect(await ask(one.path, '127.0.0.1', 39_007)).toBe('timeout');
      await bed.network.detach('with-port');
      expect(await ask(one.path, '127.0.0.1', 39_007)).toBe('timeout');
    } finally {
      await server.close();
    }
  });

  it('clients of UDP that go on sending reach the pod that has the port by now', async () => {
    const hostPorts = [port(39_011, { protocol: 'UDP' })];
    const client = await udpClient(node, 39_011);
    try {
      // From now on there is a flow to the node itself.
      client.send();
      for (const name of ['udp-first', 'udp-second']) {
        const { path } = await pod(name, { hostPorts });
        const server = await answerUdp(path, 80, name);
        try {
          await client.answeredBy(name);
        } finally {
          await server.close();
        }
        await bed.network.detach(name);
      }
    } finally {
      client.close();
    }
  });

  it("what fails in the end of a pod is tried again, and until then its address and ports are nobody else's", async () => {
    const { address } = await pod('stubborn', { hostPorts: [port(39_012)] });
    const programs = await mkdtemp(join(tmpdir(), 'timonel-path-'));
    const path = process.env['PATH'] ?? '';
    try {
      await writeFile(join(programs, 'nft'), '#!/bin/sh\necho no memory >&2\nexit 1\n', { mode: 0o755 });
      process.env['PATH'] = `${programs}:${path}`;
      await expect(bed.network.detach('stubborn')).rejects.toThrow(/no memory/);
      expect(await bed.network.list()).toMatchObject([{ sandboxId: 'stubborn', addresses: [address] }]);
    } finally {
      process.env['PATH'] = path;
      await rm(programs, { recursive: true, force: true });
    }
    expect(await table()).toContain('39012');
    await bed.network.detach('stubborn');
    await expect(table()).rejects.toThrow(/No such file/);
    expect(await readFile(join(bed.dataDir, 'attachments.json'), 'utf8')).toBe('{"version":1,"attachments":[]}');
  });

  it('the new pod of an address that was just another one is reached at once', async () => {
    const address = (await pod('before', {})).address;
    expect(await ask(undefined, address, 80)).toBe('ECONNREFUSED');
    await bed.network.detach('before');
    for (let number = 0, got = ''; got !== address; number++) {
      const next = await pod(`after-${number}`, {});
      got = next.address;
      if (got !== address) await bed.network.detach(`after-${number}`);
      else expect(await ask(undefined, got, 80)).toBe('ECONNREFUSED');
      await bed.removeNamespace(next.path);
    }
  });

  it('limits what goes to a pod and what comes from it, and leaves no link', async () => {
    const one = await pod('limited', { bandwidth: { ingress: 8_000_000, egress: 4_000_000 } });
    const veth = namesFor(bed.dataDir).veth('limited', 0);
    const server = await serve(one.path, '0.0.0.0', 80);
    try {
      expect(await ask(undefined, one.address, 80)).toBe(node);
    } finally {
      await server.close();
    }
    for (const [link, rate] of [
      [veth, 1_000_000],
      [ifbOf(veth), 500_000],
    ] as const) {
      const queues = JSON.parse(
        (await run('tc', ['-s', '-j', 'qdisc', 'show', 'dev', link, 'root'])).stdout,
      ) as unknown;
      expect(queues).toMatchObject([{ kind: 'tbf', options: { rate } }]);
      expect((queues as { bytes: number }[])[0]?.bytes).toBeGreaterThan(0);
    }
    await bed.network.detach('limited');
    const links = await linkNames();
    expect(links).not.toContain(veth);
    expect(links).not.toContain(ifbOf(veth));
  });

  it('says when the kernel or its programs cannot limit, and the pod has its network', async () => {
    const path = await bed.makeNamespace();
    const asked = { ...request('unlimited', path), bandwidth: { ingress: 0 } };
    const { addresses, warnings } = await bed.network.attach(asked);
    expect(warnings).toEqual([
      { reason: 'BandwidthNotLimited', message: expect.stringMatching(/not enforced by this node: .*rate/) },
    ]);
    expect(await ask(undefined, addresses[0] ?? '', 80)).toBe('ECONNREFUSED');
  });
});
