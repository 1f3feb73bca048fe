import { describe, expect, it } from '@jest/globals';
import { externalAddress, nodeAddress, outsideAddress, podAddress } from './bed.ts';
import { clusterIp, expectRefused, spread, type ProxySuite } from './suite.ts';

/** Where a service answers, and to whom. */
export function addressCases(suite: ProxySuite): void {
  describe('addresses', () => {
    it('a ClusterIP answers on the node, in a pod, and outside where that routes to the node', async () => {
      const { bed } = suite;
      const rule = bed.rule([1]);
      await suite.apply([rule]);
      for (const client of [bed.onNode, bed.pod(0), bed.outside]) {
        expect(await spread(client, clusterIp(rule), 80, 3)).toEqual({ 'pod-1': 3 });
      }
    });

    it('a pod reaches itself through its service', async () => {
      const { bed } = suite;
      const rule = bed.rule([0]);
      await suite.apply([rule]);
      expect(await spread(bed.pod(0), clusterIp(rule), 80, 5)).toEqual({ 'pod-0': 5 });
      expect(await bed.pod(0).call('askUdp', podAddress(0), 8053, 'x', 500)).toContain('pod-0');
    });

    it('a node port answers outside, on the node and in a pod, for any address of the node', async () => {
      const { bed } = suite;
      const nodePort = await bed.node.call('freePort');
      const rule = bed.rule([0, 1], { nodePort });
      await suite.apply([rule]);
      for (const client of [bed.outside, bed.onNode, bed.pod(2), bed.pod(0)]) {
        const counts = await spread(client, nodeAddress, nodePort, 40);
        expect(Object.keys(counts).sort()).toEqual(['pod-0', 'pod-1']);
      }
      await suite.apply([{ ...rule, backends: [] }]);
      for (const client of [bed.outside, bed.onNode, bed.pod(2)]) await expectRefused(client, nodeAddress, nodePort);
    });

    it('an external IP answers outside and in a pod', async () => {
      const { bed } = suite;
      const rule = bed.rule([2], { externalIPs: [externalAddress] });
      await suite.apply([rule]);
      for (const client of [bed.outside, bed.pod(0), bed.onNode]) {
        expect(await spread(client, externalAddress, 80, 2)).toEqual({ 'pod-2': 2 });
      }
    });

    it('a service without a ClusterIP answers on its external IP', async () => {
      const { bed } = suite;
      await suite.apply([bed.rule([2], { clusterIPs: [], externalIPs: [externalAddress] })]);
      expect(await spread(bed.outside, externalAddress, 80, 2)).toEqual({ 'pod-2': 2 });
    });

    it('an external IP that is restricted answers only to clients of its ranges, the other one to all', async () => {
      const { bed } = suite;
      const own = '10.214.3.8';
      const ruleFor = (...sources: string[]): ReturnType<typeof bed.rule> =>
        bed.rule([0], { externalIPs: [externalAddress, own], restricted: { addresses: [own], sources } });
      const reach = (client: typeof bed.outside): Promise<boolean[]> =>
        Promise.all(
          [externalAddress, own].map(async (address) => {
            const { code } = await client.call('connect', address, 80, 500);
            return code === 'CONNECTED';
          }),
        );
      await suite.apply([ruleFor(`${outsideAddress}/32`, '192.0.2.0/24')]);
      expect([await reach(bed.outside), await reach(bed.pod(1))]).toEqual([
        [true, true],
        [true, false],
      ]);
      await suite.apply([ruleFor()]);
      expect(await reach(bed.outside)).toEqual([true, false]);
      await suite.apply([bed.rule([0], { externalIPs: [own] })]);
      expect((await reach(bed.pod(1)))[1]).toBe(true);
    });

    it('where two services claim one address and port, the first by id has it and the others still serve', async () => {
      const { bed } = suite;
      const first = bed.rule([0], { externalIPs: [externalAddress] });
      const second = bed.rule([1], { externalIPs: [externalAddress] });
      await suite.apply([first, second]);
      expect(await spread(bed.outside, externalAddress, 80, 4)).toEqual({ 'pod-0': 4 });
      expect(await spread(bed.pod(2), clusterIp(second), 80, 4)).toEqual({ 'pod-1': 4 });
    });

    it('the port of the service may differ from that of the pods, and one address may have several', async () => {
      const { bed } = suite;
      const web = bed.rule([0], { port: 8000 });
      const other = bed.rule([1], { port: 9000, clusterIPs: web.clusterIPs });
      await suite.apply([web, other]);
      expect(await spread(bed.pod(2), clusterIp(web), 8000, 2)).toEqual({ 'pod-0': 2 });
      expect(await spread(bed.pod(2), clusterIp(web), 9000, 2)).toEqual({ 'pod-1': 2 });
    });

    it('UDP goes there and back', async () => {
      const { bed } = suite;
      const nodePort = await bed.node.call('freePort');
      const rule = bed.rule([0, 1], { protocol: 'UDP', port: 53, targetPort: 8053, nodePort });
      await suite.apply([rule]);
      for (const client of [bed.onNode, bed.pod(2), bed.pod(0), bed.outside]) {
        const answers = new Set<string>();
        for (let i = 0; i < 40; i++) {
          const answer = await client.call('askUdp', clusterIp(rule), 53, `ask-${i}`, 1000);
          expect(answer).toMatch(new RegExp(`^pod-[01] \\S+ ask-${i}$`));
          answers.add(answer.slice(0, 5));
        }
        expect([...answers].sort()).toEqual(['pod-0', 'pod-1']);
      }
      expect(await bed.outside.call('askUdp', nodeAddress, nodePort, 'hello', 1000)).toMatch(/^pod-[01] \S+ hello$/);
    });

    it('TCP and UDP of one number are two ports', async () => {
      const { bed } = suite;
      const tcp = bed.rule([0], { port: 53 });
      const udp = bed.rule([1], { protocol: 'UDP', port: 53, targetPort: 8053, clusterIPs: tcp.clusterIPs });
      await suite.apply([tcp, udp]);
      expect(await spread(bed.pod(2), clusterIp(tcp), 53, 2)).toEqual({ 'pod-0': 2 });
      expect(await bed.pod(2).call('askUdp', clusterIp(tcp), 53, 'x', 1000)).toContain('pod-1');
    });
  });
}
