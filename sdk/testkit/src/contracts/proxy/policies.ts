import { describe, expect, it } from '@jest/globals';
import { externalAddress, nodeAddress } from './bed.ts';
import type { Resident } from './residents.ts';
import { clusterIp, spread, type ProxySuite } from './suite.ts';

/** No answer, or an end without one where a proxy has to accept first: nothing reached a backend. */
async function reaches(from: Resident, host: string, port: number): Promise<boolean> {
  const { code, line } = await from.call('connect', host, port, 600);
  return code === 'CONNECTED' && line !== '';
}

/** Traffic policies: which backends a client has depends on where it is. */
export function policyCases(suite: ProxySuite): void {
  describe('traffic policies', () => {
    it('clients outside have backends of their own at node ports and external addresses', async () => {
      const { bed } = suite;
      const nodePort = await bed.node.call('freePort');
      const outsideBackends = bed.rule([1]).backends;
      const rule = bed.rule([0], { nodePort, externalIPs: [externalAddress], outsideBackends });
      await suite.apply([rule]);
      const ways = [
        [nodeAddress, nodePort],
        [externalAddress, 80],
      ] as const;
      for (const [host, port] of ways) {
        expect(await spread(bed.outside, host, port, 4)).toEqual({ 'pod-1': 4 });
        for (const client of [bed.onNode, bed.pod(2)])
          expect(await spread(client, host, port, 4)).toEqual({ 'pod-0': 4 });
      }
      // A ClusterIP does not tell clients apart.
      expect(await spread(bed.outside, clusterIp(rule), 80, 4)).toEqual({ 'pod-0': 4 });
    });

    it('clients outside without a backend reach nobody, those inside do', async () => {
      const { bed } = suite;
      const nodePort = await bed.node.call('freePort');
      const rule = bed.rule([0], { nodePort, externalIPs: [externalAddress], outsideBackends: [] });
      await suite.apply([rule]);
      expect(await reaches(bed.outside, nodeAddress, nodePort)).toBe(false);
      expect(await reaches(bed.outside, externalAddress, 80)).toBe(false);
      for (const client of [bed.onNode, bed.pod(1)]) {
        expect(await spread(client, nodeAddress, nodePort, 2)).toEqual({ 'pod-0': 2 });
        expect(await spread(client, externalAddress, 80, 2)).toEqual({ 'pod-0': 2 });
      }
      await suite.apply([{ ...rule, outsideBackends: bed.rule([2]).backends }]);
      expect(await spread(bed.outside, nodeAddress, nodePort, 2)).toEqual({ 'pod-2': 2 });
    });

    it('node ports may have other backends than the ClusterIP, which may have none', async () => {
      const { bed } = suite;
      const nodePort = await bed.node.call('freePort');
      const externalBackends = bed.rule([2]).backends;
      const rule = bed.rule([], { nodePort, silent: true, externalBackends });
      await suite.apply([rule]);
      for (const client of [bed.onNode, bed.pod(0)]) {
        expect(await reaches(client, clusterIp(rule), 80)).toBe(false);
        expect(await spread(client, nodeAddress, nodePort, 2)).toEqual({ 'pod-2': 2 });
      }
      expect(await spread(bed.outside, nodeAddress, nodePort, 2)).toEqual({ 'pod-2': 2 });
    });
  });
}
