import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { networkContract } from '@timonel/testkit/contracts/network';
import { ask, run, serve } from '@timonel/testkit/network-namespaces';
import { CniBed, request } from './testing/cni-bed.ts';

jest.setTimeout(60_000);
const isRoot = process.getuid?.() === 0;
// A test that needs root is listed as skipped without it.
const asRoot = isRoot ? describe : describe.skip;

async function debianBed(subnet: string, ipMasq = true): Promise<CniBed> {
  const bed = await CniBed.open();
  await bed.useDebianPlugins(['bridge', 'host-local', 'loopback', 'portmap', 'bandwidth']);
  const ipam = { type: 'host-local', dataDir: join(bed.directory, 'addresses'), ranges: [[{ subnet }]] };
  await bed.configure({
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipMasq,
        hairpinMode: true,
        ipam: { ...ipam, routes: [{ dst: '0.0.0.0/0' }] },
      },
      { type: 'portmap', snat: true, capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
    ],
  });
  await bed.start();
  return bed;
}

if (isRoot) {
  networkContract('network-cni with Debian’s plugins', async () => {
    const bed = await debianBed('10.216.1.0/24');
    return {
      network: bed.network,
      makeNamespace: () => bed.namespaces.make(),
      removeNamespace: (path) => bed.namespaces.remove(path),
      restart: () => bed.start(),
      close: () => bed.close(),
    };
  });
}

asRoot('network-cni with Debian’s plugins', () => {
  it('pods reach each other, have host ports and limits, and nothing is left of them', async () => {
    const bed = await debianBed('10.216.2.0/24');
    try {
      const [a, b] = [await bed.namespaces.make(), await bed.namespaces.make()];
      const hostPorts = [{ protocol: 'TCP', hostIP: '', hostPort: 39_100, containerPort: 80 }] as const;
      const one = await bed.network.attach({ ...request('a', a), hostPorts, bandwidth: { egress: 8_000_000 } });
      const other = await bed.network.attach(request('b', b));
      expect({ ...one, addresses: [] }).toEqual({
        sandboxId: 'a',
        addresses: [],
        interfaceName: 'eth0',
        gateway: '10.216.2.1',
      });
      const server = await serve(a, '0.0.0.0', 80);
      try {
        expect(await ask(b, one.addresses[0] ?? '', 80)).toBe(other.addresses[0]);
        expect(await ask(a, '127.0.0.1', 80)).toBe('127.0.0.1');
        expect(await ask(bed.node, '10.216.2.1', 39_100)).toBe('10.216.2.1');
      } finally {
        await server.close();
      }
      const queues = (): Promise<string> =>
        run('nsenter', [`--net=${bed.node}`, 'tc', 'qdisc']).then(({ stdout }) => stdout);
      expect(await queues()).toMatch(/tbf .* rate 8Mbit/);
      await Promise.all(['a', 'b'].map((id) => bed.network.detach(id)));
      expect(await queues()).not.toContain('tbf');
      const links = (await run('nsenter', [`--net=${bed.node}`, 'ip', '-br', 'link'])).stdout;
      expect(links).not.toContain('veth');
      expect(await ask(bed.node, '10.216.2.1', 39_100)).toBe('ECONNREFUSED');
      expect(await readdir(join(bed.directory, 'data/pods'))).toEqual([]);
      expect((await readdir(join(bed.directory, 'addresses/pods'))).filter((name) => name.startsWith('10.'))).toEqual(
        [],
      );
    } finally {
      await bed.close();
    }
  });

  it('says in the plugin’s own words that all addresses are in use, and keeps none of the pod that has none', async () => {
    const bed = await debianBed('10.216.3.0/30');
    try {
      await bed.network.attach(request('first', await bed.namespaces.make()));
      const path = await bed.namespaces.make();
      await expect(bed.network.attach(request('second', path))).rejects.toThrow(
        /^the CNI plugin bridge failed at ADD: .*no IP addresses available/,
      );
      expect((await bed.network.list()).map(({ sandboxId }) => sandboxId)).toEqual(['first']);
      expect(await readdir(join(bed.directory, 'data/pods'))).toHaveLength(1);
      await bed.network.detach('first');
      await bed.network.attach(request('second', path));
    } finally {
      await bed.close();
    }
  });

  it('makes a network anew that somebody took away', async () => {
    const bed = await debianBed('10.216.4.0/24', false);
    try {
      const path = await bed.namespaces.make();
      await bed.network.attach(request('a', path));
      await run('nsenter', [`--net=${path}`, 'ip', 'link', 'delete', 'eth0']);
      const { addresses } = await bed.network.attach(request('a', path));
      expect((await run('nsenter', [`--net=${path}`, 'ip', '-4', 'addr'])).stdout).toContain(addresses[0]);
      expect(bed.warnings).toEqual([expect.objectContaining({ message: 'the network of a pod is made anew' })]);
    } finally {
      await bed.close();
    }
  });
});
