/** The scheduler host: binding, waiting with a reason, hints, gates, admission, swaps. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { pods } from '@timonel/sdk/kube';
import { fakeService, pluginSuite, until } from '@timonel/testkit';
import schedulerHost from '../../plugins/scheduler-host/src/index.ts';
import {
  asPlugin,
  Bed,
  entry,
  FirstFit,
  makeNode,
  makePod,
  getPod,
  remove,
  placed,
  conditionOf,
  waitsBecause,
  eventOf,
} from './scheduler-host-bed.ts';

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

  it('binds pods and records it', async () => {
    await makeNode(api, 'a', '2');
    const name = await makePod(api, '100m');
    expect(await placed(api, name)).toBe('a');
    expect((await conditionOf(api, name, 'PodScheduled'))?.status).toBe('True');
    expect(await eventOf(api, name, 'Scheduled')).toBe(`Successfully assigned default/${name} to a`);
  });

  it('says why a pod waits, in the condition and in an event, and places it when room comes', async () => {
    await makeNode(api, 'a', '2');
    const name = await makePod(api, '3');
    expect(await waitsBecause(api, name)).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    expect(await eventOf(api, name, 'FailedScheduling')).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    const condition = await conditionOf(api, name, 'PodScheduled');
    expect(condition).toMatchObject({ status: 'False', reason: 'Unschedulable' });
    await makeNode(api, 'c', '4');
    expect(await placed(api, name)).toBe('c');
    expect((await conditionOf(api, name, 'PodScheduled'))?.status).toBe('True');
  });

  it('tries a waiting pod again only when an event may help it', async () => {
    await bed.use({
      requeueHints: () => [
        { event: 'pod-removed', helps: (_, event) => event.kind === 'pod-removed' && event.pod.class.priority === 7 },
      ],
    });
    await makeNode(api, 'a', '2');
    const helpful = await makePod(api, '1500m', { priority: 7 });
    await placed(api, helpful);
    const idle = await makePod(api, '0', { priority: 9 });
    await placed(api, idle);
    const waiting = await makePod(api, '1');
    await waitsBecause(api, waiting);
    const tries = (): number => firstFit.asked.filter((name) => name === waiting).length;
    const before = tries();
    await remove(api, idle);
    await makeNode(api, 'z', '0');
    // The host has seen what came before this pod, since it places it.
    await placed(api, await makePod(api, '0'));
    expect(tries()).toBe(before);
    await remove(api, helpful);
    expect(await placed(api, waiting)).toBe('a');
  });

  it('leaves pods of other schedulers alone, but counts them on their nodes', async () => {
    await makeNode(api, 'a', '2');
    const foreign = await makePod(api, '1500m', { schedulerName: 'another' });
    await placed(api, await makePod(api, '0'));
    expect((await getPod(api, foreign)).spec.nodeName).toBeUndefined();
    expect(firstFit.asked).not.toContain(foreign);
    await api.createSubresource(pods, { namespace: 'default', name: foreign }, 'binding', {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: foreign },
      target: { kind: 'Node', name: 'a' },
    } as never);
    await until(() => firstFit.snapshot?.rows.some((row) => row.pods.some(({ name }) => name === foreign)), {
      what: 'the foreign pod in its row',
    });
    const mine = await makePod(api, '1');
    expect(await waitsBecause(api, mine)).toContain('Insufficient cpu');
  });

  it('keeps gated pods out of the queue until their gates go', async () => {
    await makeNode(api, 'a', '2');
    const gated = await makePod(api, '100m', { schedulingGates: [{ name: 'wait' }] });
    await placed(api, await makePod(api, '100m'));
    expect(firstFit.asked).not.toContain(gated);
    expect(await conditionOf(api, gated, 'PodScheduled')).toMatchObject({ reason: 'SchedulingGated' });
    await api.patch(
      pods,
      { namespace: 'default', name: gated },
      { type: 'merge', body: { spec: { schedulingGates: [] } } },
    );
    expect(await placed(api, gated)).toBe('a');
  });

  it('says on a pod why a plugin keeps it out', async () => {
    await makeNode(api, 'a', '2');
    await bed.use({
      preEnqueue: (pod) =>
        pod.class.priority === 3 ? { code: 'pending', reason: 'not on a Sunday' } : { code: 'success' },
    });
    const kept = await makePod(api, '100m', { priority: 3 });
    expect(await waitsBecause(api, kept)).toBe('not on a Sunday');
    expect(await conditionOf(api, kept, 'PodScheduled')).toMatchObject({ reason: 'SchedulingGated' });
  });

  it('asks for admission, tells what became of it, and says why it was refused', async () => {
    await makeNode(api, 'a', '2');
    const settled: string[] = [];
    let refuse = true;
    await bed.use({
      admit: () =>
        Promise.resolve(
          refuse ? { outcome: 'refused', plugin: 'Volumes', reason: 'no volume as yet' } : { outcome: 'bind' },
        ),
      settled: ({ name }, nodeName, bound) => settled.push(`${name} ${nodeName} ${bound}`),
    });
    const name = await makePod(api, '1');
    expect(await waitsBecause(api, name)).toBe('no volume as yet');
    expect(settled).toContain(`${name} a false`);
    refuse = false;
    // Any event helps, since the plugin has no hints.
    await makeNode(api, 'b', '2');
    expect(await placed(api, name)).toBe('a');
    await until(() => settled.includes(`${name} a true`), { what: 'the word that it is bound' });
  });

  it('takes a pod that waits for its permit off its node when it is deleted', async () => {
    await makeNode(api, 'a', '2');
    const ended: unknown[] = [];
    await bed.use({
      admit: ({ class: { priority } }, _, signal) =>
        priority === 0
          ? Promise.resolve({ outcome: 'bind' })
          : new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                ended.push(signal.reason);
                reject(signal.reason as Error);
              });
            }),
    });
    const name = await makePod(api, '2', { priority: 4 });
    await until(() => firstFit.snapshot?.rows.some((row) => row.pods.some((pod) => pod.name === name)), {
      what: 'the pod in its row',
    });
    await remove(api, name);
    expect(await placed(api, await makePod(api, '2'))).toBe('a');
    expect(ended).toEqual([new Error('the pod is gone')]);
  });

  it('obeys the scheduler that was swapped in, and takes the pods that it takes', async () => {
    await makeNode(api, 'a', '2');
    const special = await makePod(api, '10m', { schedulerName: 'special' });
    await placed(api, await makePod(api, '10m'));
    bed.other.traits = { profiles: () => ['special'] };
    await bed.kernel.control.swap('scheduler', 'other-fit');
    expect(await placed(api, special)).toBe('a');
    const usual = await makePod(api, '10m');
    await placed(api, await makePod(api, '10m', { schedulerName: 'special' }));
    expect((await getPod(api, usual)).spec.nodeName).toBeUndefined();
    await bed.kernel.control.swap('scheduler', 'first-fit');
    expect(await placed(api, usual)).toBe('a');
  });

  it('loses no pod and binds none twice over swaps under load', async () => {
    await makeNode(api, 'a', '100');
    bed.other.traits = {};
    const before = bed.bound();
    let made = 0;
    const makers = Array.from({ length: 4 }, async () => {
      while (made < 400) {
        made += 1;
        await makePod(api, '1m');
      }
    });
    for (let swap = 0; swap < 20; swap++) {
      await bed.kernel.control.swap('scheduler', swap % 2 === 0 ? 'other-fit' : 'first-fit');
    }
    await Promise.all(makers);
    await until(async () => (await api.list(pods)).items.every(({ spec }) => spec.nodeName === 'a'), {
      what: 'a node for every pod',
    });
    expect(bed.bound() - before).toBe((await api.list(pods)).items.length);
  });
});

/** An API without any objects: what the host does with objects is tested above. */
const emptyApi: Partial<ApiClient> = {
  list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
  async *watch(_, { signal }) {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
    yield* [];
  },
};

pluginSuite('scheduler-host', () => ({
  entry: entry(schedulerHost),
  dependencies: [fakeService(apiClient, emptyApi), entry(asPlugin('first-fit', new FirstFit()))],
}));
