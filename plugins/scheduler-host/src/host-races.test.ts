/** What comes between the decision about a pod and its binding: changes of the pod, of the scheduler in charge, of the leadership. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Admission, Decision, PodInfo } from '@timonel/sdk/contracts/scheduler';
import { bench, endAll, never, putPods, quiet, type Bench } from './testing/host-bench.ts';
import { aLeadership } from './testing/leadership-double.ts';
import { aNode, aPod } from './testing/stand-ins.ts';

const longAdmission = { admissionTimeoutMs: 900_000 };
const bindTo =
  (nodeName: string) =>
  ({ uid }: PodInfo): Decision => ({ outcome: 'bind', podUid: uid, nodeName, scores: [], feasibleNodes: 1 });
const unschedulable = ({ uid }: PodInfo): Decision => {
  const why = { plugin: 'P', code: 'c', reason: 'r', nodeCount: 1, nodes: [], resolvable: false };
  return { outcome: 'unschedulable', podUid: uid, rejections: [why] };
};
const preempting = ({ uid }: PodInfo, victims: readonly string[]): Decision => ({
  outcome: 'preempt',
  podUid: uid,
  nodeName: 'a',
  victims: victims.map((name) => ({ namespace: 'default', name, uid: `uid-${name}`, priority: 0 })),
  rejections: [],
});

/** Decides by the names of the pods. */
function decides({ service }: Bench, decide: (pod: PodInfo) => Decision): void {
  service.trick = (asked) => Promise.resolve(asked.map((pod) => decide(pod)));
}

async function seen({ env, host }: Bench): Promise<void> {
  await quiet(env, 200);
  host.wake();
  await quiet(env);
}

describe('a pod that is being admitted', () => {
  afterEach(endAll);

  interface Admitting extends Bench {
    readonly answer: (admission: Admission) => void;
    readonly fail: (error: Error) => void;
    /** What the scheduler was told of its end. */
    readonly told: readonly boolean[];
  }

  async function admitting(): Promise<Admitting> {
    const made = await bench(longAdmission);
    let answer: (admission: Admission) => void = () => undefined;
    let fail: (error: Error) => void = () => undefined;
    const told: boolean[] = [];
    made.service.traits = {
      admit: () =>
        new Promise<Admission>((resolve, reject) => {
          answer = resolve;
          fail = reject;
        }),
      settled: (_pod, _nodeName, bound) => told.push(bound),
      requeueHints: () => [],
    };
    await seen(made);
    putPods(made.api, 1);
    await quiet(made.env);
    return { ...made, answer, fail, told };
  }

  it('is tried again as it is now, when it changed meanwhile', async () => {
    const { api, env, service, fail } = await admitting();
    api.put('pods', aPod('p0', { tolerations: [{ key: 'x', operator: 'Exists' }] }, { labels: { app: 'new' } }));
    await quiet(env);
    expect(service.asked).toHaveLength(1);
    fail(new Error('no luck'));
    await quiet(env, 1500);
    expect(service.asked).toHaveLength(2);
    expect(service.lastAsked[0]?.pod.spec.tolerations).toHaveLength(1);
  });

  it('is counted with the labels that it has now', async () => {
    const { api, env, host } = await admitting();
    api.put('pods', aPod('p0', {}, { labels: { app: 'new' } }));
    await quiet(env);
    expect(host.core.state.row('a')?.pods.map(({ pod }) => pod.metadata.labels)).toEqual([{ app: 'new' }]);
  });

  it('comes to the next scheduler when the one that admits it is replaced', async () => {
    const made = await admitting();
    made.service.name = 'next';
    made.service.traits = {};
    await seen(made);
    expect(made.told).toEqual([false]);
    await quiet(made.env, 2000);
    expect(made.host.counts.bound).toBe(1);
    expect(made.host.core.assumed.size).toBe(0);
  });

  it('is let go of when somebody else binds it to another node', async () => {
    const { api, env, host, told } = await admitting();
    api.put('nodes', aNode('b'));
    api.put('pods', aPod('p0', { nodeName: 'b' }));
    await quiet(env);
    expect(told).toEqual([false]);
    expect(host.core.state.placementOf('uid-p0')?.nodeName).toBe('b');
  });

  it('is deleted as a victim when somebody else has bound it', async () => {
    const made = await admitting();
    made.api.put('pods', aPod('p0', { nodeName: 'a' }));
    await quiet(made.env);
    decides(made, (pod) => preempting(pod, ['p0']));
    made.api.put('pods', aPod('high', { priority: 9 }));
    await quiet(made.env);
    expect(made.api.deletions).toEqual(['p0']);
  });

  it('is let go of when its node goes', async () => {
    const { api, env, host, told } = await admitting();
    api.remove('nodes', 'a');
    await quiet(env);
    expect(told).toEqual([false]);
    expect(host.pending()).toMatchObject({ backoff: 1 });
  });

  it('is not bound when its admission ended as it was cancelled', async () => {
    for (let turns = 0; turns < 12; turns++) {
      const { api, env, host, answer, told } = await admitting();
      answer({ outcome: 'bind' });
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      const cancelled = host.core.cancelAdmission('uid-p0', 'preempted');
      await quiet(env);
      expect({ cancelled, told, bindings: api.bindings }).toEqual(
        cancelled ? { cancelled, told: [false], bindings: [] } : { cancelled, told: [true], bindings: ['p0'] },
      );
    }
  });
});

describe('a pod whose binding is being written', () => {
  afterEach(endAll);

  it('is not lost when its scheduler went and came back meanwhile', async () => {
    const made = await bench({ parallelBindings: 1 });
    const { api, env, host, service } = made;
    const fails: ((error: Error) => void)[] = [];
    api.onBinding = () => new Promise((_, reject) => fails.push(reject));
    putPods(api, 1);
    await quiet(env);
    for (const name of ['other', 'default-scheduler']) {
      service.traits = { profiles: () => [name] };
      await seen(made);
    }
    api.onBinding = () => Promise.resolve(true);
    fails[0]?.(new Error('no luck'));
    await quiet(env, 20_000);
    expect(api.pod('p0')?.spec.nodeName).toBe('a');
    expect(host.core.assumed.size).toBe(0);
    expect(host.pending()).toEqual({ active: 0, backoff: 0, unschedulable: 0, gated: 0 });
  });

  it('keeps its nomination when the binding fails', async () => {
    const { api, env, host } = await bench();
    api.onBinding = () => Promise.reject(new Error('no luck'));
    api.put('pods', { ...aPod('p0'), status: { nominatedNodeName: 'a' } });
    await quiet(env);
    expect(api.bindings).toEqual(['p0']);
    expect(host.core.nominations.nodeOf('uid-p0')).toBe('a');
  });

  it('may be chosen as a victim although its binding fails at that moment', async () => {
    const made = await bench();
    const { api, env, log, service } = made;
    let fail: (error: Error) => void = () => undefined;
    api.onBinding = () => new Promise((_, reject) => (fail = reject));
    putPods(api, 1);
    await quiet(env);
    service.trick = async (asked) => {
      fail(new Error('no luck'));
      await env.timers.sleep(50);
      service.trick = undefined;
      return asked.map((pod) => preempting(pod, ['p0']));
    };
    api.onBinding = () => Promise.resolve(true);
    api.put('pods', aPod('high', { priority: 9 }));
    await quiet(env, 100);
    expect(log.lines.filter(({ message }) => message === 'a scheduler broke its contract')).toEqual([]);
    expect(api.pod('high')?.spec.nodeName).toBe('a');
  });
});

/** Of 80 victims 64 are being deleted, until they are let go. */
async function evicting(made: Bench): Promise<() => void> {
  const { api, env } = made;
  const victims = Array.from({ length: 80 }, (_, index) => `p${index}`);
  for (const name of victims) api.put('pods', aPod(name, { nodeName: 'a' }));
  await quiet(env);
  const releases: (() => void)[] = [];
  api.onDelete = () => new Promise((resolve) => releases.push(resolve));
  decides(made, (pod) => preempting(pod, victims));
  api.put('pods', aPod('high', { priority: 9 }));
  await quiet(env);
  expect(api.deletions).toHaveLength(64);
  return () => releases.forEach((release) => release());
}

describe('victims of a preemption', () => {
  afterEach(endAll);

  it('are spared when the pod that they were to make room for is gone', async () => {
    const made = await bench();
    const release = await evicting(made);
    made.api.remove('pods', 'default/high');
    await quiet(made.env);
    release();
    await quiet(made.env);
    expect(made.api.deletions).toHaveLength(64);
  });
});

describe('a host that leads no more', () => {
  afterEach(endAll);

  it('ends admissions, whose plugins may write', async () => {
    const leads = aLeadership();
    const made = await bench(longAdmission, undefined, leads.ref);
    let aborted = 0;
    made.service.traits = {
      admit: (_pod, _nodeName, signal) => {
        signal.addEventListener('abort', () => (aborted += 1));
        return never();
      },
    };
    await seen(made);
    putPods(made.api, 1);
    await quiet(made.env);
    leads.set(false);
    await quiet(made.env);
    expect(aborted).toBe(1);
    expect(made.host.core.assumed.size).toBe(0);
  });

  it('deletes no more victims, and writes on no pods', async () => {
    const leads = aLeadership();
    const made = await bench({}, undefined, leads.ref);
    const release = await evicting(made);
    leads.set(false);
    release();
    await quiet(made.env);
    expect(made.api.deletions).toHaveLength(64);
  });
});

describe('pods that wait', () => {
  afterEach(endAll);

  it('are tried again when a node goes, if that may help them', async () => {
    const made = await bench();
    made.service.traits = { requeueHints: () => [{ event: 'node-removed' }] };
    decides(made, unschedulable);
    await seen(made);
    putPods(made.api, 1);
    await quiet(made.env, 5000);
    expect(made.service.asked).toHaveLength(1);
    made.api.remove('nodes', 'a');
    await quiet(made.env, 5000);
    expect(made.service.asked).toHaveLength(2);
  });

  it('are tried again when another pod loses its nomination', async () => {
    const made = await bench();
    made.service.traits = { requeueHints: () => [{ event: 'pod-removed' }] };
    decides(made, unschedulable);
    await seen(made);
    made.api.put('pods', aPod('low'));
    await quiet(made.env, 5000);
    made.api.put('pods', { ...aPod('high', { priority: 9 }), status: { nominatedNodeName: 'a' } });
    await quiet(made.env, 5000);
    expect(made.service.asked.flat().filter((name) => name === 'low')).toHaveLength(2);
  });

  it('are tried again when another pod is nominated for another node instead', async () => {
    const made = await bench();
    made.service.traits = { requeueHints: () => [{ event: 'pod-removed' }] };
    made.api.put('nodes', aNode('b'));
    made.api.put('pods', aPod('victim', { nodeName: 'a' }));
    decides(made, (pod) => (pod.name === 'low' ? unschedulable(pod) : preempting(pod, ['victim'])));
    await seen(made);
    made.api.put('pods', aPod('low'));
    await quiet(made.env, 5000);
    made.api.put('pods', { ...aPod('high', { priority: 9 }), status: { nominatedNodeName: 'b' } });
    await quiet(made.env, 5000);
    expect(made.service.asked.flat().filter((name) => name === 'low')).toHaveLength(2);
  });

  it('may not enter when the next scheduler keeps them out, whatever part of the queue they are in', async () => {
    const made = await bench();
    decides(made, ({ uid }) => ({ outcome: 'error', podUid: uid, plugin: 'P', message: 'no' }));
    putPods(made.api, 1);
    await quiet(made.env);
    expect(made.host.pending()).toMatchObject({ backoff: 1 });
    made.service.trick = undefined;
    made.service.name = 'next';
    made.service.traits = { preEnqueue: () => ({ code: 'unschedulable', reasonCode: 'quota', reason: 'no quota' }) };
    await seen(made);
    await quiet(made.env, 20_000);
    expect(made.service.asked).toHaveLength(1);
    expect(made.host.pending()).toMatchObject({ gated: 1 });
  });

  it('are not read anew for the next scheduler when they are what they were', async () => {
    const made = await bench();
    let read = 0;
    const spec = aPod('p').spec;
    const { containers } = spec;
    Object.defineProperty(spec, 'containers', { enumerable: true, get: () => ((read += 1), containers) });
    decides(made, unschedulable);
    made.api.put('pods', { ...aPod('p'), spec });
    await quiet(made.env);
    expect(read).toBeGreaterThan(0);
    read = 0;
    made.service.traits = { requeueHints: () => [] };
    await seen(made);
    expect(made.service.asked).toHaveLength(1);
    expect(read).toBe(0);
  });

  it('are not stopped by hints and gates of a scheduler that make no sense', async () => {
    const made = await bench();
    made.service.traits = {
      requeueHints: () => [null] as never,
      preEnqueue: () => null as never,
    };
    decides(made, (pod) => (pod.name === 'p0' ? unschedulable(pod) : bindTo('a')(pod)));
    await seen(made);
    putPods(made.api, 3);
    await quiet(made.env, 1000);
    expect(made.host.counts.bound).toBe(2);
    expect(made.host.pending()).toMatchObject({ unschedulable: 1 });
  });
});
