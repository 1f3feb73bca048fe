/** Preemptions and nominations, as the host carries them out. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import { bench, endAll, putPods, quiet } from '../testing/host-bench.ts';
import { aNode, aPod } from '../testing/stand-ins.ts';

describe('preemption', () => {
  afterEach(endAll);

  it('gives up a preemption whose victim cannot be deleted, and tries the pod again', async () => {
    const { api, env, service, host } = await bench();
    api.put('pods', aPod('victim', { nodeName: 'a', priority: 1 }));
    service.trick = (asked) =>
      Promise.resolve(
        asked.map(({ uid }) => ({
          outcome: 'preempt',
          podUid: uid,
          nodeName: 'a',
          victims: [{ namespace: 'default', name: 'victim', uid: 'uid-victim', priority: 1 }],
          rejections: [],
        })),
      );
    api.onDelete = () => Promise.reject(new Error('no luck'));
    api.put('pods', aPod('p', { priority: 9 }));
    await quiet(env);
    expect(api.deletions).toEqual(['victim']);
    expect(service.snapshot?.rows[0]?.nominated).toEqual([]);
    expect(api.pod('p')?.status?.nominatedNodeName ?? null).toBeNull();
    api.onDelete = () => Promise.resolve();
    await quiet(env, 1000);
    expect(api.deletions).toEqual(['victim', 'victim']);
    expect(service.snapshot?.rows[0]?.nominated.map(({ name }) => name)).toEqual(['p']);
    service.trick = undefined;
    api.remove('pods', 'default/victim');
    // At once, without back-off.
    await quiet(env);
    expect(host.counts).toMatchObject({ bound: 1, preemptions: 2 });
  });

  it('lets a victim go that was not bound as yet, and binds the pod that it made room for', async () => {
    const { api, env, service, host } = await bench();
    const ended: string[] = [];
    service.traits = {
      admit: ({ name, class: { priority } }, _, signal) =>
        priority > 1
          ? Promise.resolve({ outcome: 'bind' })
          : new Promise((_, reject) => {
              signal.addEventListener('abort', () => {
                ended.push(`${name}: ${(signal.reason as Error).message}`);
                reject(signal.reason as Error);
              });
            }),
    };
    await quiet(env, 10_000);
    api.put('pods', aPod('victim', { priority: 1 }));
    await quiet(env);
    expect(service.placed()).toEqual(['victim']);
    const victims = [{ namespace: 'default', name: 'victim', uid: 'uid-victim', priority: 1 }];
    service.trick = (asked) => {
      service.trick = undefined;
      return Promise.resolve(
        asked.map(({ uid }) => ({ outcome: 'preempt', podUid: uid, nodeName: 'a', victims, rejections: [] })),
      );
    };
    api.put('pods', aPod('p', { priority: 9 }));
    await quiet(env);
    expect(ended).toEqual(['victim: preempted by default/p']);
    expect(api.deletions).toEqual([]);
    expect(api.pod('p')?.spec.nodeName).toBe('a');
    expect(host.pending()).toMatchObject({ backoff: 1 });
    expect(host.counts.bindErrors).toBe(0);
  });

  it('goes by the traits of the scheduler that came into charge during the decision, and keeps nominations', async () => {
    const { api, env, service } = await bench();
    const admitted: string[] = [];
    service.trick = async (asked) => {
      service.trick = undefined;
      await env.timers.sleep(500);
      service.traits = {
        admit: ({ name }) => {
          admitted.push(name);
          return Promise.resolve({ outcome: 'bind' });
        },
      };
      return service.decide(asked, service.snapshot as SchedulerSnapshot);
    };
    putPods(api, 1);
    await quiet(env, 500);
    expect(admitted).toEqual(['p0']);
    api.put('pods', aPod('victim', { nodeName: 'a', priority: 1 }));
    const victims = [{ namespace: 'default', name: 'victim', uid: 'uid-victim', priority: 1 }];
    const rejections = [{ plugin: 'X', code: 'x', reason: 'x', nodeCount: 2, nodes: [], resolvable: true }];
    service.trick = (asked) =>
      Promise.resolve(
        asked.map(({ uid }) => ({ outcome: 'preempt', podUid: uid, nodeName: 'a', victims, rejections })),
      );
    // As when the informer is behind.
    api.onPatch = () => Promise.resolve(false);
    api.put('pods', aPod('p', { priority: 9 }));
    await quiet(env, 10);
    service.traits = {};
    service.trick = () => Promise.reject(new Error('later'));
    await quiet(env, 10_000);
    expect(service.snapshot?.rows[0]?.nominated.map(({ name }) => name)).toEqual(['p']);
  });

  it('tries a pod again at once when the node that was to be its own goes', async () => {
    const { api, env, service } = await bench();
    api.put('nodes', aNode('b'));
    api.put('pods', aPod('victim', { nodeName: 'a', priority: 1 }));
    const victims = [{ namespace: 'default', name: 'victim', uid: 'uid-victim', priority: 1 }];
    const rejections = [{ plugin: 'X', code: 'x', reason: 'x', nodeCount: 2, nodes: [], resolvable: true }];
    service.trick = (asked) =>
      Promise.resolve(
        asked.map(({ uid }) => ({ outcome: 'preempt', podUid: uid, nodeName: 'a', victims, rejections })),
      );
    api.put('pods', aPod('p', { priority: 9 }));
    await quiet(env);
    service.trick = (asked) =>
      Promise.resolve(
        asked.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName: 'b', scores: [], feasibleNodes: 1 })),
      );
    api.remove('nodes', 'a');
    await quiet(env);
    expect(api.pod('p')?.spec.nodeName).toBe('b');
  });

  it('takes over the nominations that it finds', async () => {
    const { api, env, service } = await bench();
    service.trick = (asked) =>
      Promise.resolve(asked.map(({ uid }) => ({ outcome: 'error', podUid: uid, plugin: 'x', message: 'later' })));
    const nominated = aPod('p', { priority: 9 });
    api.put('pods', { ...nominated, status: { nominatedNodeName: 'a' } });
    await quiet(env);
    expect(service.snapshot?.rows[0]?.nominated.map(({ name }) => name)).toEqual(['p']);
    api.remove('pods', 'default/p');
    await quiet(env);
    expect(service.snapshot?.rows[0]?.nominated).toEqual([]);
  });
});
