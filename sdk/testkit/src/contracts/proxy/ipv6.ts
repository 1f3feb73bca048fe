import { describe, expect, it } from '@jest/globals';
import { until } from '../../until.ts';
import {
  externalAddress6,
  moreOutsideAddresses6,
  nodeAddress6,
  outsideAddress6,
  podAddress6,
  withIpv6,
} from './ipv6-bed.ts';
import type { Resident } from './residents.ts';
import { clusterIp, expectRefused, spread, type ProxySuite } from './suite.ts';

const addressOf6 = (rule: { readonly clusterIPs: readonly string[] }): string => rule.clusterIPs.at(-1) ?? '';

/** The same over IPv6, in short: what differs is how addresses are looked up, listened on and translated. */
export function ipv6Cases(suite: ProxySuite): void {
  describe('IPv6', () => {
    addressCases(suite);
    clientCases(suite);
    udpCases(suite);
  });
}

function addressCases(suite: ProxySuite): void {
  it('all addresses of a service answer on the node, in pods and outside; without a backend they are refused', async () => {
    const { bed } = suite;
    const nodePort = await bed.node.call('freePort');
    const rule = withIpv6(bed.rule([], { nodePort, externalIPs: [externalAddress6] }), [0, 1]);
    await suite.apply([rule]);
    for (const client of [bed.onNode, bed.outside, bed.pod(0), bed.pod(2)]) {
      for (const [host, port] of [
        [addressOf6(rule), 80],
        [nodeAddress6, nodePort],
        [externalAddress6, 80],
      ] as const) {
        expect(Object.keys(await spread(client, host, port, 24)).sort()).toEqual(['pod-0', 'pod-1']);
      }
      await expectRefused(client, addressOf6(rule), 81);
    }
    await suite.apply([{ ...rule, backends: [] }]);
    for (const client of [bed.onNode, bed.pod(2), bed.outside]) {
      await expectRefused(client, addressOf6(rule), 80);
      await expectRefused(client, nodeAddress6, nodePort);
    }
  });

  it('a service of both families has in each the backends of that family', async () => {
    const { bed } = suite;
    const rule = withIpv6(bed.rule([0]), [1], true);
    await suite.apply([rule]);
    for (const client of [bed.onNode, bed.pod(2), bed.outside]) {
      expect(await spread(client, clusterIp(rule), 80, 4)).toEqual({ 'pod-0': 4 });
      expect(await spread(client, addressOf6(rule), 80, 4)).toEqual({ 'pod-1': 4 });
    }
    await suite.apply([{ ...rule, backends: rule.backends.slice(0, 1) }]);
    await expectRefused(bed.pod(2), addressOf6(rule), 80);
    expect(await spread(bed.pod(2), clusterIp(rule), 80, 2)).toEqual({ 'pod-0': 2 });
  });
}

function clientCases(suite: ProxySuite): void {
  it('clients stay with their backends by session affinity, through changes and a write of all', async () => {
    const { bed } = suite;
    const base = bed.rule([], { affinitySeconds: 600 });
    const [rule, more] = [withIpv6(base, [0, 1]), withIpv6(base, [0, 1, 2])];
    const placed = async (): Promise<unknown> =>
      Promise.all(moreOutsideAddresses6.map((from) => spread(bed.outside, addressOf6(rule), 80, 2, from)));
    await suite.apply([rule]);
    const first = await placed();
    await suite.apply([more, bed.rule([0])]);
    await bed.node.call('forget', 'main');
    await suite.apply([{ ...more }]);
    expect(await placed()).toEqual(first);
    expect(first).toEqual(expect.arrayContaining([{ 'pod-0': 2 }, { 'pod-1': 2 }]));
  });

  it('clients outside may have other backends, and source ranges count', async () => {
    const { bed } = suite;
    const base = bed.rule([], { externalIPs: [externalAddress6] });
    const rule = { ...withIpv6(base, [0]), outsideBackends: withIpv6(base, [1]).backends };
    await suite.apply([rule]);
    expect(await spread(bed.outside, externalAddress6, 80, 4)).toEqual({ 'pod-1': 4 });
    expect(await spread(bed.pod(2), externalAddress6, 80, 4)).toEqual({ 'pod-0': 4 });
    const restricted = { addresses: [externalAddress6], sources: [`${outsideAddress6}/128`] };
    await suite.apply([{ ...rule, restricted }]);
    expect(await spread(bed.outside, externalAddress6, 80, 2, outsideAddress6)).toEqual({ 'pod-1': 2 });
    const others = [bed.outside.call('connect', externalAddress6, 80, 500, moreOutsideAddresses6[0])];
    for (const dialled of await Promise.all([...others, bed.pod(2).call('connect', externalAddress6, 80, 500)]))
      expect(dialled.code).not.toBe('CONNECTED');
    // Who may come is listed, and nobody of this family is.
    await suite.apply([{ ...rule, restricted: { addresses: [externalAddress6], sources: ['10.0.0.0/8'] } }]);
    expect(await bed.pod(2).call('connect', externalAddress6, 80, 500)).not.toMatchObject({ code: 'CONNECTED' });
  });
}

function udpCases(suite: ProxySuite): void {
  it('a UDP client that goes on from one port leaves a backend that is gone, and finds the first one', async () => {
    const { bed } = suite;
    const nodePort = await bed.node.call('freePort');
    const rule = bed.rule([], { protocol: 'UDP', port: 53, nodePort });
    const served = (pods: readonly number[]): typeof rule => {
      const backends = pods.map((index) => ({ address: podAddress6(index), port: 8053, nodeName: 'node' }));
      return { ...withIpv6(rule, []), backends };
    };
    const clients: readonly [client: Resident, address: string, port: number][] = [
      [bed.pod(2), addressOf6(withIpv6(rule, [])), 53],
      [bed.onNode, addressOf6(withIpv6(rule, [])), 53],
      [bed.outside, nodeAddress6, nodePort],
    ];
    const ask = ([client, address, port]: (typeof clients)[number]): Promise<string> =>
      client.call('askUdp', address, port, 'x', 200, 4053);
    for (const client of clients) await ask(client);
    for (const pods of [[0], [1], [1, 2], [2]]) {
      await suite.apply([served(pods)]);
      for (const client of clients) {
        const names = pods.map((index) => `pod-${index}`);
        await until(async () => names.includes((await ask(client)).split(' ')[0] ?? ''), {
          what: `one of ${names.join(', ')} to answer at ${client[1]}`,
          timeoutMs: 8000,
        });
      }
    }
  });
}
