/** Batches that are not as they should be. */
import { describe, expect, it } from '@jest/globals';
import type { Node } from '../kube/index.ts';
import type { Decision, PodInfo, QueuedPod, SchedulingPlugin } from '../contracts/scheduler/index.ts';
import { frameworkScheduler, type BatchOrder, type FrameworkScheduler } from './framework.ts';
import { listSnapshot } from './list-snapshot.ts';
import { PodClasses } from './pod-class.ts';

const classes = new PodClasses();
let serial = 0;

function pod(labels: Record<string, string> = {}): PodInfo {
  serial += 1;
  return classes.infoOf({
    metadata: { name: `p${serial}`, namespace: 'default', uid: `u${serial}`, labels },
    spec: { containers: [{ name: 'c', image: 'x' }] },
  });
}

const node = (name: string): Node => ({ metadata: { name }, spec: {}, status: { allocatable: { pods: '110' } } });
const full = { code: 'full', text: 'is full', resolvable: true };

const two: SchedulingPlugin = {
  name: 'Two',
  filter: (_pod, { rows, count, view }, verdicts) => {
    for (const row of rows.subarray(0, count)) if ((view.podCount[row] ?? 0) > 1) verdicts.reject(row, full);
  },
};

function scheduler(plugins: readonly SchedulingPlugin[], order?: BatchOrder): FrameworkScheduler {
  return frameworkScheduler({
    registry: new Map(plugins.map((plugin) => [plugin.name, () => plugin])),
    profiles: [{ schedulerName: 'default-scheduler', plugins: plugins.map(({ name }) => ({ name })) }],
    timers: { after: () => ({ cancel: () => undefined }) },
    ...(order === undefined ? {} : { order }),
  });
}

const whereOf = (decision: Decision | undefined): string | undefined =>
  decision?.outcome === 'bind' ? decision.nodeName : decision?.outcome;

describe('A batch', () => {
  it('counts a pod once that is in it twice', async () => {
    const [twice, other] = [pod(), pod()];
    const decisions = await scheduler([two]).decide([twice, twice, other], listSnapshot([node('a')]));
    expect(decisions.map(({ podUid }) => podUid)).toEqual([twice.uid, twice.uid, other.uid]);
    expect(decisions.map(whereOf)).toEqual(['a', 'a', 'a']);
  });

  it('has a decision for pods that its order leaves out, and one for those that it gives again', async () => {
    const pods = [pod(), pod(), pod()];
    const order: BatchOrder = ([first = [], second = []]) => [first, first, second, [pod()]];
    const decisions = await scheduler([two], order).decide(pods, listSnapshot([node('a')]));
    expect(decisions.map(({ podUid }) => podUid)).toEqual(pods.map(({ uid }) => uid));
    expect(decisions.map(whereOf)).toEqual(['a', 'a', 'error']);
  });
});

describe('PreFilter', () => {
  it('may name a node more than once, or one that is not there', async () => {
    const narrow = (name: string, nodeNames: readonly string[]): SchedulingPlugin => ({
      name,
      preFilter: () => ({ status: { code: 'success' }, nodeNames }),
    });
    const both = scheduler([narrow('A', ['b', 'a', 'b', 'x']), narrow('B', ['b', 'c', 'b'])]);
    const [decision] = await both.decide([pod()], listSnapshot(['a', 'b', 'c'].map(node)));
    expect(decision).toMatchObject({ outcome: 'bind', nodeName: 'b', feasibleNodes: 1 });
    const none = await scheduler([narrow('A', ['a', 'a']), two, { ...two, name: 'More' }]).decide(
      [pod(), pod(), pod()],
      listSnapshot(['a', 'b'].map(node)),
    );
    expect(none[2]).toMatchObject({
      rejections: [
        { plugin: 'Two', nodeCount: 1 },
        { plugin: 'A', nodeCount: 1 },
      ],
    });
  });
});

describe('The order of the queue', () => {
  it('is the usual one when the plugin that sorts has too many faults', () => {
    const sorter: SchedulingPlugin = {
      name: 'Sorter',
      queueSort: () => {
        throw new Error('no chart');
      },
    };
    const { traits } = scheduler([two, sorter]);
    const queued = (sequence: number): QueuedPod => ({ pod: pod(), sequence, attempts: 0 });
    const compare = (): number | undefined => traits.compare?.(queued(1), queued(2));
    for (let round = 0; round < 10; round += 1) expect(compare).toThrow('plugin Sorter threw: no chart');
    expect(compare()).toBeLessThan(0);
  });
});
