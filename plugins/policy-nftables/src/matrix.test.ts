/** Real packets between network namespaces, against what the model says of them. */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core/env';
import { familyOf, type IpFamily } from '@timonel/sdk/contracts/network';
import {
  decisions,
  type End,
  type Packet,
  type PolicyCluster,
  type PolicyPod,
} from '@timonel/sdk/contracts/network-policy';
import type { NetworkPolicy } from '@timonel/sdk/kube';
import {
  ProxyBed,
  addIpv6,
  outsideAddress,
  outsideAddress6,
  podAddress,
  podAddress6,
} from '@timonel/testkit/contracts/proxy';
import { policyContent, type PolicyContent } from './table/content.ts';
import { renderPolicies, renderPolicyChanges } from './table/render.ts';
import { RandomPolicies } from './testing/random-policies.ts';

jest.setTimeout(60_000);

const isRoot = process.getuid?.() === 0;
const hasNft = spawnSync('nft', ['--version']).status === 0;
const table = 'policies_under_test';
const ports = [8080, 8081];
const udpPort = 8053;
/** Of clients: the kernel lets go on what was let through once, and for UDP that is whoever has the same ports. */
const firstUdpClient = 20_000;

function podOf(index: number, namespace: string, app: string, http: number): PolicyPod {
  const name = `${app}-${index}`;
  const namedPorts = new Map([
    ['TCP http', http],
    ['UDP dns', udpPort],
  ]);
  const where = { addresses: [podAddress(index), podAddress6(index)], nodeName: 'node', namedPorts };
  return { key: `${namespace}/${name}`, uid: name, namespace, labels: { app }, ...where };
}

const pods = [podOf(0, 'red', 'web', 8080), podOf(1, 'red', 'db', 8081), podOf(2, 'blue', 'web', 8081)];
const namespaces = new Map(['red', 'blue'].map((name) => [name, { name }]));
const clusterOf = (policies: readonly NetworkPolicy[]): PolicyCluster => ({ namespaces, pods, policies });

if (!isRoot || !hasNft) {
  describe('network policies and packets', () => {
    it.skip(`skipped: it needs ${isRoot ? 'the program nft (apt-get install nftables)' : 'root'}`, () => undefined);
  });
} else {
  describe('network policies and packets', () => {
    let bed: ProxyBed;
    let written: PolicyContent | undefined;
    let udpClients = 0;

    beforeAll(async () => {
      bed = await ProxyBed.open(pods.length);
      const serve = bed.pods.flatMap((pod, index) => [
        ...ports.map((port) => pod.call('serveTcp', `pod-${index}-${port}`, port, '::')),
        pod.call('serveUdp', `pod-${index}`, udpPort, '::'),
      ]);
      await Promise.all([addIpv6(bed), ...serve, bed.outside.call('serveTcp', 'outside', 8080, '::')]);
    });
    afterAll(() => bed?.close());

    async function apply(policies: readonly NetworkPolicy[]): Promise<void> {
      const content = policyContent(clusterOf(policies), pods);
      const text =
        written === undefined ? renderPolicies(content, table) : renderPolicyChanges(written, content, table);
      if (text !== '') await bed.node.run('nft', ['-f', '-'], text);
      written = content;
    }

    const endsOf = (family: IpFamily): readonly End[] => [
      ...pods.map((pod) => ({ address: pod.addresses.find((one) => familyOf(one) === family) ?? '', pod })),
      { address: family === 4 ? outsideAddress : outsideAddress6, pod: undefined },
    ];
    const packetsOf = (from: End, to: End): Packet[] => {
      if (to === from || (to.pod === undefined && from.pod === undefined)) return [];
      const tcp = (to.pod === undefined ? [8080] : ports).map((port) => ({ from, to, protocol: 'TCP' as const, port }));
      return to.pod === undefined ? tcp : [...tcp, { from, to, protocol: 'UDP' as const, port: udpPort }];
    };
    const packets: readonly Packet[] = ([4, 6] as const)
      .map(endsOf)
      .flatMap((ends) => ends.flatMap((from) => ends.flatMap((to) => packetsOf(from, to))));

    async function passes({ from, to, protocol, port }: Packet): Promise<boolean> {
      const client = from.pod === undefined ? bed.outside : bed.pod(pods.indexOf(from.pod));
      if (protocol === 'UDP') {
        const localPort = firstUdpClient + udpClients++;
        return (await client.call('askUdp', to.address, port, 'x', 250, localPort)).includes('pod-');
      }
      return (await client.call('connect', to.address, port, 250)).code === 'CONNECTED';
    }

    const shown = ({ from, to, protocol, port }: Packet): string =>
      `${from.pod?.key ?? 'outside'} -> ${to.pod?.key ?? 'outside'} at ${to.address} ${protocol} ${port}`;

    /** The packets for which model and kernel differ. */
    async function differences(policies: readonly NetworkPolicy[]): Promise<string[]> {
      const cluster = clusterOf(policies);
      const found = await Promise.all(
        packets.map(async (packet) => {
          const expected = decisions(packet, cluster).every(({ allowed }) => allowed);
          return (await passes(packet)) === expected ? [] : [`${shown(packet)}: expected ${expected}`];
        }),
      );
      return found.flat();
    }

    it('every packet passes, or does not, as the policies say, whatever they are and however they change', async () => {
      const { random } = createSimulatedEnv({ seed: 11 });
      const make = new RandomPolicies(random, {
        namespaces: ['red', 'blue'],
        apps: ['web', 'db'],
        cidrs: [
          '0.0.0.0/0',
          '10.214.1.0/24',
          '10.214.2.0/24',
          `${podAddress(1)}/32`,
          '::/0',
          'fd00:214:1::/64',
          'fd00:214:2::/64',
          `${podAddress6(1)}/128`,
        ],
        ports: [
          {},
          { protocol: 'UDP' },
          { port: 8080 },
          { port: 8080, endPort: 8090 },
          { port: 'http' },
          { protocol: 'UDP', port: 'dns' },
          { protocol: 'UDP', port: udpPort },
          { port: 'absent' },
        ],
      });
      let policies: NetworkPolicy[] = [];
      let refused = 0;
      for (let step = 0; step < 30; step++) {
        policies = [...policies.filter(() => random.int(3) > 0), make.next(`p${step}`)].slice(-4);
        await apply(policies);
        expect({ policies, differences: await differences(policies) }).toEqual({ policies, differences: [] });
        const cluster = clusterOf(policies);
        refused += packets.filter((packet) => decisions(packet, cluster).some(({ allowed }) => !allowed)).length;
      }
      // Neither all nor none: the matrix says something.
      expect(refused).toBeGreaterThan(packets.length * 3);
      expect(refused).toBeLessThan(packets.length * 27);
    });

    it('a connection that is there goes on when a policy comes, a new one does not, and all is as before when it goes', async () => {
      await apply([]);
      const deny: NetworkPolicy = { metadata: { namespace: 'red', name: 'deny' }, spec: { podSelector: {} } };
      await bed.pod(2).call('hold', 'long', podAddress(0), 8080);
      await apply([deny]);
      expect(await bed.pod(2).call('echo', 'long', 'there')).toContain('there');
      expect((await bed.pod(2).call('connect', podAddress(0), 8080, 250)).code).toBe('TIMEOUT');
      expect((await bed.onNode.call('connect', podAddress(0), 8080, 500)).code).toBe('CONNECTED');
      await apply([]);
      expect((await bed.pod(2).call('connect', podAddress(0), 8080, 500)).code).toBe('CONNECTED');
    });
  });
}
