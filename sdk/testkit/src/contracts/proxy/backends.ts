import { describe, expect, it } from '@jest/globals';
import { until } from '../../until.ts';
import { nodeAddress } from './bed.ts';
import type { Resident } from './residents.ts';
import { clusterIp, expectRefused, spread, type ProxySuite } from './suite.ts';

/** Which backend a connection gets. */
export function backendCases(suite: ProxySuite): void {
  describe('backends', () => {
    it('connections are spread over all', async () => {
      const { bed } = suite;
      const rule = bed.rule([0, 1, 2]);
      await suite.apply([rule]);
      for (const client of [bed.onNode, bed.pod(0)]) {
        const counts = await spread(client, clusterIp(rule), 80, 100);
        expect(Object.keys(counts).sort()).toEqual(['pod-0', 'pod-1', 'pod-2']);
        for (const count of Object.values(counts)) expect(count).toBeGreaterThan(5);
      }
    });

    it('one that was removed gets no new connection, one that was added gets some', async () => {
      const { bed } = suite;
      const rule = bed.rule([0, 1]);
      await suite.apply([rule]);
      expect(Object.keys(await spread(bed.pod(2), clusterIp(rule), 80, 30)).sort()).toEqual(['pod-0', 'pod-1']);
      await suite.apply([{ ...rule, backends: bed.rule([1, 2]).backends }]);
      expect(Object.keys(await spread(bed.pod(2), clusterIp(rule), 80, 30)).sort()).toEqual(['pod-1', 'pod-2']);
    });

    it('without any, connections are refused at once; with one again they work', async () => {
      const { bed } = suite;
      const rule = bed.rule([]);
      await suite.apply([rule]);
      for (const client of [bed.onNode, bed.pod(0), bed.outside]) await expectRefused(client, clusterIp(rule), 80);
      await suite.apply([{ ...rule, backends: bed.rule([1]).backends }]);
      expect(await spread(bed.pod(0), clusterIp(rule), 80, 2)).toEqual({ 'pod-1': 2 });
    });

    it('without any, UDP packets are answered as unreachable', async () => {
      const { bed } = suite;
      const rule = bed.rule([], { protocol: 'UDP', port: 53 });
      await suite.apply([rule]);
      expect(await bed.pod(0).call('askUdp', clusterIp(rule), 53, 'x', 1000)).toBe('ECONNREFUSED');
      expect(await bed.onNode.call('askUdp', clusterIp(rule), 53, 'x', 1000)).toBe('ECONNREFUSED');
    });

    it('a UDP client that goes on from one port leaves a backend that is gone, and finds the first one', async () => {
      const { bed } = suite;
      const nodePort = await bed.node.call('freePort');
      const rule = bed.rule([0, 1], { protocol: 'UDP', port: 53, targetPort: 8053, nodePort });
      const served = (pods: readonly number[]): typeof rule => ({
        ...rule,
        backends: bed.rule(pods, { targetPort: 8053 }).backends,
      });
      const clients: readonly [client: Resident, address: string, port: number][] = [
        [bed.pod(2), clusterIp(rule), 53],
        [bed.onNode, clusterIp(rule), 53],
        [bed.outside, nodeAddress, nodePort],
      ];
      const ask = ([client, address, port]: (typeof clients)[number]): Promise<string> =>
        client.call('askUdp', address, port, 'x', 200, 4053);
      // Packets that nobody serves yet go by the address itself: they must not stay there.
      for (const client of clients) await ask(client);
      for (const pods of [[0], [1], [1, 2], [2], [0, 1, 2]]) {
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

    it('a port that the service does not have is refused at once', async () => {
      const { bed } = suite;
      const rule = bed.rule([0]);
      await suite.apply([rule]);
      for (const client of [bed.onNode, bed.pod(1)]) await expectRefused(client, clusterIp(rule), 81);
    });
  });
}
