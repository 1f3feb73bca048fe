import { afterEach, describe, expect, it } from '@jest/globals';
import { checkConfig } from '@timonel/sdk';
import {
  scheduler,
  type Decision,
  type PodInfo,
  type QueuedPod,
  type Scheduler,
} from '@timonel/sdk/contracts/scheduler';
import type { Node } from '@timonel/sdk/kube';
import { listSnapshot } from '@timonel/sdk/scheduling';
import { startTestKernel, type TestKernel } from '@timonel/testkit';
import { aMember, aNode, aPod, chosen, type PodSketch } from '@timonel/testkit/contracts/scheduler';
import plugin from './index.ts';
import { queueLabel } from './queues.ts';

let kernel: TestKernel | undefined;
afterEach(async () => {
  await kernel?.stop();
  kernel = undefined;
});

async function gang(...queues: readonly object[]): Promise<Scheduler> {
  kernel = await startTestKernel({ plugins: [plugin], config: { 'scheduler-gang': { queues } } });
  return kernel.service(scheduler);
}

const inQueue = (queue: string, sketch: PodSketch = {}): PodInfo =>
  aPod({ ...sketch, labels: { ...sketch.labels, [queueLabel]: queue } });
const many = (count: number, make: () => PodInfo): PodInfo[] => Array.from({ length: count }, make);
const big = (name: string, cpu = '64'): Node => aNode(name, { cpu, memory: '256Gi', pods: '500' });
const snapshotOf = (nodes: readonly Node[], placed: readonly PodInfo[] = []) =>
  listSnapshot(nodes, (name) => (name === nodes[0]?.metadata.name ? placed : []));

/** How many pods of each queue got a node. */
function placedBy(pods: readonly PodInfo[], decisions: readonly Decision[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [at, pod] of pods.entries()) {
    const queue = pod.class.labels[queueLabel] ?? 'default';
    counts[queue] = (counts[queue] ?? 0) + (decisions[at]?.outcome === 'bind' ? 1 : 0);
  }
  return counts;
}

describe('quotas', () => {
  it('keep pods beyond them waiting, with figures', async () => {
    const service = await gang({ name: 'blue', quota: { cpu: '2500m' } });
    const snapshot = snapshotOf([big('a')], [inQueue('blue', { cpu: '1' }), inQueue('red', { cpu: '1' })]);
    const asked = [inQueue('blue', { cpu: '1' }), inQueue('blue', { cpu: '1' }), inQueue('blue', { cpu: '500m' })];
    const decisions = await service.decide(asked, snapshot);
    expect(decisions.map(chosen)).toEqual(['a', 'unschedulable', 'a']);
    expect(decisions[1]).toMatchObject({
      message: 'queue "blue" has too little cpu left of its quota',
      rejections: [{ plugin: 'QueueQuota', code: 'queue-quota', nodeCount: 1, resolvable: true }],
    });
    const explained = await service.explain?.(inQueue('blue', { cpu: '2' }), snapshot);
    expect(explained?.rejections).toMatchObject([
      {
        plugin: 'QueueQuota',
        detail: { queue: 'blue', resource: 'cpu', limit: 2500, used: 1000, asked: 2000, short: 500 },
        unblock: 'free 500m cpu in queue "blue", or raise its quota',
      },
    ]);
  });

  it.each([
    [{ memory: '1Gi' }, { memory: '600Mi' }, 'memory'],
    [{ pods: 1 }, {}, 'pods'],
    [{ cpu: 1 }, { cpu: '600m' }, 'cpu'],
  ])('of %j limit %j', async (quota, sketch, resource) => {
    const service = await gang({ name: 'blue', quota });
    const decisions = await service.decide(
      many(2, () => inQueue('blue', sketch)),
      snapshotOf([big('a')]),
    );
    expect(decisions.map(chosen)).toEqual(['a', 'unschedulable']);
    expect(decisions[1]).toMatchObject({ message: `queue "blue" has too little ${resource} left of its quota` });
  });

  it('say when a pod can never fit, or its queue does not exist', async () => {
    const service = await gang({ name: 'blue', quota: { cpu: '2' } });
    const decisions = await service.decide([inQueue('blue', { cpu: '3' }), inQueue('bleu')], snapshotOf([big('a')]));
    expect(decisions).toMatchObject([
      { rejections: [{ code: 'queue-quota-too-small', resolvable: false }] },
      { message: `queue "bleu" does not exist – did you mean 'blue'?`, rejections: [{ code: 'queue-unknown' }] },
    ]);
  });

  it('of the queue "default" hold for pods that name none', async () => {
    const service = await gang({ name: 'default', quota: { pods: 2 } });
    const decisions = await service.decide([aPod(), inQueue('default'), inQueue('')], snapshotOf([big('a')]));
    expect(decisions.map(chosen)).toEqual(['a', 'a', 'unschedulable']);
  });

  it('hold for groups as a whole, which leave nothing behind', async () => {
    const service = await gang({ name: 'blue', quota: { pods: 2 } });
    const members = many(3, () => aMember('job', 3, { labels: { [queueLabel]: 'blue' } }));
    const decisions = await service.decide([...members, inQueue('blue'), inQueue('blue')], snapshotOf([big('a')]));
    expect(decisions.map(chosen)).toEqual(['unschedulable', 'unschedulable', 'unschedulable', 'a', 'a']);
    expect(decisions[0]).toMatchObject({ rejections: [{ plugin: 'QueueQuota' }] });
  });

  it('preempt nobody', async () => {
    const service = await gang({ name: 'blue', quota: { pods: 1 } });
    const important = inQueue('blue', { spec: { priority: 100 } });
    const [decision] = await service.decide([important], snapshotOf([big('a')], [inQueue('blue')]));
    expect(decision).toMatchObject({ outcome: 'unschedulable' });
    expect(decision).not.toHaveProperty('preemption');
  });

  it('let pods be tried again when pods of their queue go', async () => {
    const service = await gang({ name: 'blue', quota: { pods: 1 } });
    const hints = service.traits?.requeueHints?.('QueueQuota') ?? [];
    const helps = (pod: PodInfo, gone: PodInfo): boolean =>
      hints.some(
        (hint) =>
          hint.event === 'pod-removed' && hint.helps?.(pod, { kind: 'pod-removed', pod: gone, nodeName: 'a' }) === true,
      );
    expect(helps(inQueue('blue'), inQueue('blue'))).toBe(true);
    expect(helps(inQueue('blue'), inQueue('red'))).toBe(false);
    expect(hints.map(({ event }) => event).toSorted()).toEqual(['pod-removed', 'pod-updated']);
  });

  it.each([
    [{ queues: [{ name: 'a', quota: { cpu: 'lots' } }] }, `'queues[0].quota.cpu': must be a quantity`],
    [{ queues: [{ name: 'a', quota: { memory: '-1Gi' } }] }, `'queues[0].quota.memory': must be a quantity`],
    [{ queues: [{ name: 'a' }, { name: 'a' }] }, `'queues[1].name': two queues have the name "a"`],
    [{ queues: [{ name: 'not a label' }] }, `'queues[0].name': must be the value of a label`],
    [{ queues: [{ name: 'a', weight: 0 }] }, `'queues[0].weight'`],
    [{ queus: [] }, `unknown key 'queus' – did you mean 'queues'?`],
  ])('are refused when they are %j', async (config, problem) => {
    expect(await checkConfig(plugin, config)).toEqual({ ok: false, problems: [expect.stringContaining(problem)] });
  });
});

describe('fair shares within a batch', () => {
  const blueAndRed = (): PodInfo[] => [
    ...many(20, () => inQueue('blue', { cpu: '1' })),
    ...many(20, () => inQueue('red', { cpu: '1' })),
  ];

  it('are equal by default, whoever comes first', async () => {
    const service = await gang({ name: 'blue' }, { name: 'red' });
    const pods = blueAndRed();
    expect(placedBy(pods, await service.decide(pods, snapshotOf([big('a', '12')])))).toEqual({ blue: 6, red: 6 });
  });

  it('follow weights', async () => {
    const service = await gang({ name: 'blue' }, { name: 'red', weight: 3 });
    const pods = blueAndRed();
    expect(placedBy(pods, await service.decide(pods, snapshotOf([big('a', '12')])))).toEqual({ blue: 3, red: 9 });
  });

  it('count what queues have already', async () => {
    const service = await gang({ name: 'blue' }, { name: 'red' });
    const there = many(8, () => inQueue('blue', { cpu: '1' }));
    const pods = blueAndRed();
    expect(placedBy(pods, await service.decide(pods, snapshotOf([big('a', '20')], there)))).toEqual({
      blue: 2,
      red: 10,
    });
  });

  it('are of the resource that a queue needs most', async () => {
    const service = await gang({ name: 'cpu' }, { name: 'memory' });
    // The example of the paper: 9 cpus and 18 GiB; 3 pods of <1 cpu, 4 GiB> and 2 pods of <3 cpus, 1 GiB> is the fair outcome.
    const node = aNode('a', { cpu: '9', memory: '18Gi', pods: '500' });
    const pods = [
      ...many(9, () => inQueue('cpu', { cpu: '3', memory: '1Gi' })),
      ...many(9, () => inQueue('memory', { cpu: '1', memory: '4Gi' })),
    ];
    expect(placedBy(pods, await service.decide(pods, snapshotOf([node])))).toEqual({ cpu: 2, memory: 3 });
  });

  it('come after priority', async () => {
    const service = await gang({ name: 'blue' }, { name: 'red' });
    const pods = [
      ...many(2, () => inQueue('red', { cpu: '1' })),
      ...many(2, () => inQueue('blue', { cpu: '1', spec: { priority: 10 } })),
    ];
    const there = [inQueue('blue', { cpu: '2' })];
    expect(placedBy(pods, await service.decide(pods, snapshotOf([big('a', '4')], there)))).toEqual({ red: 0, blue: 2 });
  });
});

describe('fair shares beyond a batch', () => {
  const roomy = aNode('a', { cpu: '1000', memory: '4Ti', pods: '20000' });

  /** The queue of the host: who waits, in the order of the scheduler. */
  class Backlog {
    readonly waiting: QueuedPod[] = [];
    readonly #service: Scheduler;
    #sequence = 0;

    constructor(service: Scheduler) {
      this.#service = service;
    }

    /** One after the other, as they come. */
    add(...pods: readonly PodInfo[]): void {
      for (const pod of pods) {
        this.waiting.push({ pod, sequence: this.#sequence++, attempts: 0 });
        this.sort();
      }
    }

    sort(): void {
      this.waiting.sort((a, b) => this.#service.traits?.compare?.(a, b) ?? 0);
    }

    async turn(batchSize: number): Promise<string[]> {
      this.sort();
      const batch = this.waiting.splice(0, batchSize);
      const pods = batch.map(({ pod }) => pod);
      const decisions = await this.#service.decide(pods, snapshotOf([roomy]));
      for (const [at, pod] of pods.entries()) {
        expect(chosen(decisions[at])).toBe('a');
        this.#service.traits?.settled?.(pod, 'a', true);
      }
      return pods.map((pod) => pod.class.labels[queueLabel] ?? '');
    }
  }

  const count = (names: readonly string[], name: string): number => names.filter((each) => each === name).length;

  it('every queue with pods that wait has its part in every batch, by weight', async () => {
    const backlog = new Backlog(await gang({ name: 'blue' }, { name: 'red', weight: 3 }));
    backlog.add(...many(60, () => inQueue('blue')), ...many(60, () => inQueue('red')));
    for (let turn = 0; turn < 4; turn += 1) {
      const names = await backlog.turn(12);
      expect(Math.abs(count(names, 'red') - 9)).toBeLessThanOrEqual(1);
    }
  });

  it('who comes late neither waits behind a backlog nor gets more for having been away', async () => {
    const backlog = new Backlog(await gang({ name: 'blue' }, { name: 'red' }));
    backlog.add(...many(100, () => inQueue('blue')));
    for (let turn = 0; turn < 5; turn += 1) await backlog.turn(10);
    backlog.add(...many(30, () => inQueue('red')));
    for (let turn = 0; turn < 3; turn += 1) {
      expect(Math.abs(count(await backlog.turn(10), 'red') - 5)).toBeLessThanOrEqual(1);
    }
  });

  it('large pods cost more than small ones', async () => {
    const backlog = new Backlog(await gang({ name: 'blue' }, { name: 'red' }));
    backlog.add(...many(40, () => inQueue('blue', { cpu: '8' })), ...many(40, () => inQueue('red', { cpu: '2' })));
    const names = await backlog.turn(20);
    expect(Math.abs(count(names, 'red') - 16)).toBeLessThanOrEqual(1);
  });

  it('pods of one queue keep their order, by priority and age', async () => {
    const backlog = new Backlog(await gang({ name: 'blue' }));
    backlog.add(inQueue('blue'), inQueue('blue', { spec: { priority: 5 } }), inQueue('blue'));
    expect(backlog.waiting.map(({ sequence }) => sequence)).toEqual([1, 0, 2]);
  });
});
