import { describe, expect, it } from '@jest/globals';
import { clusterIp, spread, type ProxySuite } from './suite.ts';

/** Updates, replacement, and the end. */
export function lifeCases(suite: ProxySuite): void {
  describe('updates and life', () => {
    it('after its rules went, nothing answers any more', async () => {
      const { bed } = suite;
      const nodePort = await bed.node.call('freePort');
      const rule = bed.rule([0], { nodePort });
      await suite.apply([rule]);
      expect(await spread(bed.pod(1), clusterIp(rule), 80, 1)).toEqual({ 'pod-0': 1 });
      await suite.apply([]);
      for (const client of [bed.onNode, bed.pod(1)]) {
        expect(await client.call('connect', clusterIp(rule), 80, 300)).not.toMatchObject({ code: 'CONNECTED' });
      }
      expect(await bed.outside.call('connect', '10.214.2.1', nodePort, 300)).toMatchObject({ code: 'ECONNREFUSED' });
    });

    it('a live connection survives updates of other services and of other backends, and the end of its service', async () => {
      const { bed } = suite;
      const rule = bed.rule([0, 1, 2]);
      await suite.apply([rule]);
      for (const [id, client] of [
        ['node', bed.onNode],
        ['pod', bed.pod(2)],
        ['outside', bed.outside],
      ] as const) {
        const server = (await client.call('hold', id, clusterIp(rule), 80)).split(' ')[0] ?? '';
        const own = rule.backends.filter((_, index) => server === `pod-${index}`);
        const others = rule.backends.filter((_, index) => server !== `pod-${index}`);
        const steps = [
          [rule, bed.rule([0])],
          [{ ...rule, backends: own }, bed.rule([1])],
          [{ ...rule, backends: others }],
          [{ ...rule, backends: [] }],
          [],
          [rule],
        ];
        for (const [step, rules] of steps.entries()) {
          await suite.apply(rules);
          expect(await client.call('echo', id, `after step ${step}`)).toBe(`after step ${step}`);
        }
        await client.call('release', id);
      }
    });

    it('each half of a connection ends by itself', async () => {
      const { bed } = suite;
      const rule = bed.rule([0]);
      await suite.apply([rule]);
      await bed.pod(1).call('hold', 'half', clusterIp(rule), 80);
      expect(await bed.pod(1).call('endHalf', 'half', 'last words')).toBe('last words');
    });

    it('no connection fails while rules are written over and over', async () => {
      const { bed } = suite;
      const rule = bed.rule([0, 1]);
      await suite.apply([rule]);
      const connecting = bed.pod(2).call('connectMany', clusterIp(rule), 80, 150, 2000);
      for (let round = 0; round < 15; round++) {
        await suite.apply([
          { ...rule, backends: bed.rule(round % 2 === 0 ? [0, 1, 2] : [0, 1]).backends },
          bed.rule([2]),
        ]);
      }
      expect((await connecting).filter(({ code }) => code !== 'CONNECTED')).toEqual([]);
    });

    it('two data planes overlap: the service answers before, while and after one replaces the other', async () => {
      const { bed } = suite;
      const nodePort = await bed.node.call('freePort');
      const rules = [bed.rule([0, 1], { nodePort }), bed.rule([0], { protocol: 'UDP', port: 53, targetPort: 8053 })];
      const [rule, udp] = rules as [(typeof rules)[0], (typeof rules)[0]];
      await suite.open('old');
      await suite.apply(rules, 'old');
      const connecting = bed.pod(2).call('connectMany', clusterIp(rule), 80, 300, 2000);
      const fromNode = bed.onNode.call('connectMany', clusterIp(rule), 80, 100, 2000);
      await suite.open('new');
      await suite.apply(rules, 'new');
      expect(await spread(bed.pod(2), clusterIp(rule), 80, 5)).toBeDefined();
      await bed.node.call('closePlane', 'old');
      for (const client of [bed.onNode, bed.pod(2), bed.outside]) {
        expect(Object.keys(await spread(client, clusterIp(rule), 80, 20)).sort()).toEqual(['pod-0', 'pod-1']);
        await spread(client, '10.214.2.1', nodePort, 5);
        expect(await client.call('askUdp', clusterIp(udp), 53, 'x', 1000)).toContain('pod-0');
      }
      const results = [...(await connecting), ...(await fromNode)];
      expect(results.filter(({ code }) => !['CONNECTED'].includes(code))).toEqual([]);
      await suite.apply([], 'new');
      expect(await bed.pod(2).call('connect', clusterIp(rule), 80, 300)).not.toMatchObject({ code: 'CONNECTED' });
      await bed.node.call('closePlane', 'new');
    });

    it('forget and apply write everything anew, and connections go on', async () => {
      const { bed } = suite;
      const rule = bed.rule([0]);
      await suite.apply([rule]);
      await bed.pod(1).call('hold', 'kept', clusterIp(rule), 80);
      await bed.node.call('forget', 'main');
      await suite.apply([rule]);
      expect(await bed.pod(1).call('echo', 'kept', 'still')).toBe('still');
      expect(await spread(bed.pod(1), clusterIp(rule), 80, 2)).toEqual({ 'pod-0': 2 });
    });

    it('close leaves no table, link, address, route, listener or connection', async () => {
      const { bed } = suite;
      const [before, handles] = [await bed.traces(), await bed.node.call('handles')];
      const rule = bed.rule([0], { nodePort: await bed.node.call('freePort'), externalIPs: ['10.214.3.8'] });
      await suite.open('short');
      await suite.apply([rule, bed.rule([0], { protocol: 'UDP', port: 53, targetPort: 8053 })], 'short');
      await spread(bed.pod(1), clusterIp(rule), 80, 3);
      expect(await bed.traces()).not.toBe(before);
      await bed.node.call('closePlane', 'short');
      expect(await bed.traces()).toBe(before);
      expect(await bed.node.call('handles')).toEqual(handles);
    });
  });
}
