import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mustRun, run } from '@timonel/sdk/command';
import { KernelRoutes, type Hop } from './kernel-routes.ts';

// A test that needs root is listed as skipped without it.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;

asRoot('routes in the kernel (needs root)', () => {
  const namespace = `tmroutes-${process.pid}`;
  const inside = ['netns', 'exec', namespace];
  const must = (text: string): Promise<string> => mustRun('ip', [...inside, 'ip', ...text.split(' ')]);
  let routes: KernelRoutes;

  beforeEach(async () => {
    await mustRun('ip', ['netns', 'add', namespace]);
    await must('link add lan0 type bridge');
    await must('addr add 10.99.0.1/24 dev lan0');
    await must('link set lan0 up');
    routes = new KernelRoutes((program, args, input) => run('ip', [...inside, program, ...args], input));
  });
  afterEach(() => mustRun('ip', ['netns', 'delete', namespace]));

  const wanted = (entries: Record<string, string>, dev?: string): ReadonlyMap<string, Hop> =>
    new Map(Object.entries(entries).map(([cidr, gateway]) => [cidr, { gateway, dev }]));
  const shown = async (): Promise<string[]> =>
    (await must('-4 route show'))
      .split('\n')
      .filter((line) => line.includes('via'))
      .map((line) => line.trim());

  it('adds, changes, removes, and mends what somebody has deleted', async () => {
    const two = wanted({ '10.244.1.0/24': '10.99.0.2', '10.244.2.0/24': '10.99.0.3' });
    expect(await routes.sync(two)).toMatchObject({ added: ['10.244.1.0/24', '10.244.2.0/24'], removed: [] });
    expect(await shown()).toEqual([
      '10.244.1.0/24 via 10.99.0.2 dev lan0 proto 84',
      '10.244.2.0/24 via 10.99.0.3 dev lan0 proto 84',
    ]);
    expect(await routes.sync(two)).toEqual({ added: [], removed: [], failed: new Map() });
    expect(await routes.sync(new Map(), true)).toMatchObject({ added: [], removed: [] });
    expect(await shown()).toHaveLength(2);
    await must('route del 10.244.1.0/24');
    expect(await routes.sync(two)).toMatchObject({ added: ['10.244.1.0/24'], removed: [] });
    const other = wanted({ '10.244.2.0/24': '10.99.0.4', '10.244.3.7/32': '10.99.0.2' });
    expect(await routes.sync(other)).toMatchObject({ added: [...other.keys()], removed: ['10.244.1.0/24'] });
    expect(await routes.sync(other)).toMatchObject({ added: [], removed: [] });
    expect(await shown()).toEqual([
      '10.244.2.0/24 via 10.99.0.4 dev lan0 proto 84',
      '10.244.3.7 via 10.99.0.2 dev lan0 proto 84',
    ]);
    await routes.removeAll();
    await routes.removeAll();
    expect(await shown()).toEqual([]);
  });

  it('touches no route that is not its own, and says when one is in the way', async () => {
    await must('route add 10.244.1.0/24 via 10.99.0.9');
    await must('route add 10.50.0.0/16 via 10.99.0.9');
    const result = await routes.sync(wanted({ '10.244.1.0/24': '10.99.0.2', '10.244.2.0/24': '10.99.0.2' }));
    expect(result.added).toEqual(['10.244.2.0/24']);
    expect([...result.failed]).toEqual([
      ['10.244.1.0/24', 'there is a route to this range that is not of this plugin: remove it'],
    ]);
    await routes.removeAll();
    expect(await shown()).toEqual(['10.50.0.0/16 via 10.99.0.9 dev lan0', '10.244.1.0/24 via 10.99.0.9 dev lan0']);
  });

  it('says when a node is on another network, and still makes the other routes', async () => {
    const both = wanted({ '10.244.1.0/24': '192.0.2.1', '10.244.2.0/24': '10.99.0.2' });
    const { added, failed } = await routes.sync(both);
    expect(added).toEqual(['10.244.2.0/24']);
    expect(failed.get('10.244.1.0/24')).toBe(
      'the node is not on a network that this machine is on too, as it must be without a tunnel',
    );
  });

  it('keeps to the interface it is told', async () => {
    await must('link add lan1 type bridge');
    await must('addr add 10.99.0.7/24 dev lan1');
    await must('link set lan1 up');
    const entries = { '10.244.1.0/24': '10.99.0.2' };
    await routes.sync(wanted(entries));
    expect(await routes.sync(wanted(entries, 'lan1'))).toMatchObject({ added: ['10.244.1.0/24'] });
    expect(await shown()).toEqual(['10.244.1.0/24 via 10.99.0.2 dev lan1 proto 84']);
    expect(await routes.sync(wanted(entries, 'lan1'))).toMatchObject({ added: [] });
  });
});
