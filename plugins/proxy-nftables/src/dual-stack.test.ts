import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { mustRun } from '@timonel/sdk/command';
import type { ServicePortRule } from '@timonel/sdk/contracts/proxy';
import { ask, run, serve, TestNamespaces } from '@timonel/testkit/network-namespaces';
import { FamilyTable } from './family-table.ts';
import { contentOf } from './table-content.ts';

jest.setTimeout(60_000);
const canRun = process.getuid?.() === 0 && spawnSync('nft', ['--version']).status === 0;

function ruleOf(more: Partial<ServicePortRule>): ServicePortRule {
  const none = { externalIPs: [], nodePort: undefined, affinitySeconds: undefined, backends: [] };
  return { id: 'default/web:80', protocol: 'TCP', port: 80, clusterIPs: ['10.96.0.1', 'fd00:96::1'], ...none, ...more };
}

const table = (): FamilyTable =>
  new FamilyTable({ table: 'test', family: 6, serviceCidr: 'fd00:96::/112', clusterCidrs: ['fd00:1::/64'] });

describe('services of both families', () => {
  it('have their addresses and backends of one family in its table', () => {
    const backends = ['10.1.0.2', 'fd00:1::2'].map((address) => ({ address, port: 8080, nodeName: undefined }));
    const rule = ruleOf({ backends, nodePort: 30_080 });
    for (const [family, address, backend] of [
      [4, '10.96.0.1', '10.1.0.2'],
      [6, 'fd00:96::1', 'fd00:1::2'],
    ] as const) {
      const { elements } = contentOf([rule], family);
      expect([...elements.services.keys()]).toEqual([`${address} . tcp . 80`]);
      expect([...elements.endpoints.values(), ...elements.nodeport_endpoints.values()]).toEqual([
        `${backend} . 8080`,
        `${backend} . 8080`,
      ]);
    }
  });

  it('do not take from the machine what is its own in IPv6', () => {
    const externalIPs = ['::1', '::', 'fe80::1', 'ff02::1', '2001:db8::1'];
    const { elements } = contentOf([ruleOf({ externalIPs })], 6);
    expect([...elements.services.keys()]).toEqual(['fd00:96::1 . tcp . 80', '2001:db8::1 . tcp . 80']);
  });
});

(canRun ? describe : describe.skip)('services over IPv6 in a kernel (needs root and nft)', () => {
  const namespaces = new TestNamespaces();
  const tables = table();
  let node: string;
  let pods: string[];
  let backend: { close(): Promise<void> };

  const inside = (path: string, ...command: string[]): Promise<unknown> =>
    run('nsenter', [`--net=${path}`, ...command]);
  const write = async (rules: readonly ServicePortRule[]): Promise<void> => {
    const { text, done } = await tables.change(rules);
    await mustRun('nsenter', [`--net=${node}`, 'nft', '-f', '-'], text);
    done();
  };

  beforeAll(async () => {
    node = await namespaces.make();
    await inside(node, 'sh', '-c', 'ip link set lo up; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding');
    pods = [await namespaces.make(), await namespaces.make()];
    for (const [index, path] of pods.entries()) {
      const [link, address] = [`v${index}`, `fd00:1::${index + 2}`];
      await inside(node, 'ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', path);
      await inside(node, 'sh', '-c', `ip link set ${link} up; ip addr add fe80::1/64 dev ${link} nodad`);
      await inside(
        node,
        'sh',
        '-c',
        `ip addr add fd00:1::1/128 dev ${link} nodad; ip route add ${address} dev ${link}`,
      );
      const lines = [`ip addr add ${address}/128 dev eth0 nodad`, 'ip link set eth0 up', 'ip link set lo up'];
      await inside(path, 'sh', '-ec', [...lines, 'ip route add default via fe80::1 dev eth0'].join(';'));
    }
    await inside(node, 'ip', 'route', 'add', 'fd00:96::/112', 'dev', 'v0');
    backend = await serve(pods[0], '::', 8080);
  });
  afterAll(async () => {
    await backend?.close();
    await namespaces.close();
  });

  it('lead to backends, from other pods, from themselves, and by node ports; what has none is refused', async () => {
    const [one = '', other = ''] = pods;
    await write([ruleOf({ backends: [{ address: 'fd00:1::2', port: 8080, nodeName: undefined }], nodePort: 30_080 })]);
    expect(await ask(other, 'fd00:96::1', 80)).toBe('fd00:1::3');
    // It has to seem to be the node, or it would answer itself past the translation.
    expect(await ask(one, 'fd00:96::1', 80)).toBe('fd00:1::1');
    expect(await ask(other, 'fd00:1::1', 30_080)).toMatch(/^fd00:1::/);
    expect(await ask(other, 'fd00:96::2', 80)).toBe('ECONNREFUSED');
    expect(await ask(other, 'fd00:96::1', 81)).toBe('ECONNREFUSED');
    await write([ruleOf({})]);
    expect(await ask(other, 'fd00:96::1', 80)).toBe('ECONNREFUSED');
  });
});
