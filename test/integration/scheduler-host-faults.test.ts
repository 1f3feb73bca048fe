/** The scheduler host with schedulers that break their contract, and with a world that changes under a decision. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { nodes, pods } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { Bed, makeNode, makePod, getPod, remove, placed, conditionOf, type FirstFit } from './scheduler-host-bed.ts';

type Trick = FirstFit['trick'];

describe('scheduler-host', () => {
  let bed: Bed;
  let api: Bed['api'];
  let firstFit: Bed['firstFit'];

  beforeAll(async () => {
    bed = await Bed.start();
    ({ api, firstFit } = bed);
  });
  afterEach(() => bed.reset());
  afterAll(() => bed.kernel.stop());

  describe('goes on when a scheduler', () => {
    const bindTo = (nodeName: string, more: object = {}): NonNullable<Trick> => {
      return (asked) =>
        Promise.resolve(
          asked.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName, scores: [], feasibleNodes: 1, ...more })),
        );
    };
    const tricks: readonly [string, string, NonNullable<Trick>][] = [
      ['throws', 'no luck today', () => Promise.reject(new Error('no luck today'))],
      [
        'throws synchronously',
        'no luck this time',
        () => {
          throw new Error('no luck this time');
        },
      ],
      ['hangs', 'did not decide within 500 ms', () => new Promise(() => undefined)],
      [
        'loops without end',
        'did not return from a call',
        () => {
          for (;;);
        },
      ],
      ['answers nothing', 'no list of decisions', () => Promise.resolve(undefined as never)],
      ['forgets a pod', 'made 0 decisions for 1 pods', () => Promise.resolve([])],
      ['chooses a node that does not exist', 'chose the node "nowhere"', bindTo('nowhere')],
      [
        'gives a score that is no number',
        'a score that is no number',
        bindTo('a', { scores: [{ nodeName: 'a', total: Number.NaN, scores: {} }] }),
      ],
      ['decides for another pod', 'decided about another pod', bindTo('a', { podUid: 'another' })],
      [
        'preempts a pod that does not exist',
        'which is not on a',
        bindTo('a', { outcome: 'preempt', rejections: [], victims: [{ namespace: 'x', name: 'y', uid: 'z' }] }),
      ],
      [
        'names victims that are none',
        'cannot be read',
        bindTo('a', { outcome: 'preempt', rejections: [], victims: [null] }),
      ],
      [
        'says that a plugin failed',
        'Fit: boom',
        (asked) =>
          Promise.resolve(asked.map(({ uid }) => ({ outcome: 'error', podUid: uid, plugin: 'Fit', message: 'boom' }))),
      ],
    ];
    it.each(tricks)('%s', async (_, fault, trick) => {
      await makeNode(api, 'a', '2');
      firstFit.trick = trick;
      const name = await makePod(api, '10m');
      const why = await until(
        async () => {
          const condition = await conditionOf(api, name, 'PodScheduled');
          return condition?.reason === 'SchedulerError' ? condition.message : undefined;
        },
        { what: 'the fault on the pod' },
      );
      expect(why).toContain(fault);
      expect(await placed(api, name)).toBe('a');
      expect(bed.faults().join('\n')).toContain(fault);
      expect(bed.kernel.control.info('scheduler-host').faults).toBe(0);
    });

    it('throws for one pod of many: the others are bound', async () => {
      await makeNode(api, 'a', '2');
      const poisoned: NonNullable<Trick> = (asked, snapshot) => {
        firstFit.trick = poisoned;
        if (asked.some(({ name }) => name === 'poison')) return Promise.reject(new Error('poisoned'));
        return Promise.resolve(firstFit.work(asked, snapshot));
      };
      firstFit.trick = poisoned;
      await Promise.all([makePod(api, '0', {}, 'poison'), ...Array.from({ length: 30 }, () => makePod(api, '1m'))]);
      await until(async () => (await api.list(pods)).items.filter(({ spec }) => spec.nodeName).length === 30, {
        what: 'the other pods',
      });
      expect((await getPod(api, 'poison')).spec.nodeName).toBeUndefined();
    });
  });

  it('does not mind a pod that is deleted between decision and binding', async () => {
    await makeNode(api, 'a', '2');
    const before = bed.faults().length;
    firstFit.trick = async (asked, snapshot) => {
      const decisions = firstFit.work(asked, snapshot);
      await remove(api, asked[0]?.name ?? '');
      return decisions;
    };
    const name = await makePod(api, '2');
    await until(async () => (await api.list(pods)).items.length === 0, { what: 'the end of the pod' });
    // Its room is free.
    expect(await placed(api, await makePod(api, '2'))).toBe('a');
    expect(firstFit.asked.filter((asked) => asked === name)).toHaveLength(1);
    expect(bed.faults()).toHaveLength(before);
  });

  it('does not bind a pod made anew under the name of the one that was decided for', async () => {
    await makeNode(api, 'a', '2');
    await makeNode(api, 'b', '2');
    firstFit.shunned.add('b');
    firstFit.trick = async ([first]) => {
      const { name = '', uid = '' } = first ?? {};
      await remove(api, name);
      await makePod(api, '10m', {}, name);
      return [{ outcome: 'bind', podUid: uid, nodeName: 'b', scores: [], feasibleNodes: 2 }];
    };
    const name = await makePod(api, '10m');
    expect(await placed(api, name)).toBe('a');
  });

  it('does not mind a node that vanishes between decision and binding', async () => {
    await makeNode(api, 'a', '2');
    const before = bed.faults().length;
    firstFit.trick = async (asked, snapshot) => {
      const decisions = firstFit.work(asked, snapshot);
      await api.delete(nodes, { name: 'a' });
      await until(() => snapshot.nodeCount === 0, { what: 'the end of the node' });
      return decisions;
    };
    const name = await makePod(api, '1');
    await until(async () => (await api.list(nodes)).items.length === 0, { what: 'the end of the node' });
    await makeNode(api, 'b', '2');
    expect(await placed(api, name)).toBe('b');
    expect(bed.faults()).toHaveLength(before);
  });
});
