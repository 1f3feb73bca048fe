/** The host on simulated time, with an API server that fails and hangs when told. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type {
  Decision,
  PodInfo,
  Scheduler,
  SchedulerSnapshot,
  SchedulerTraits,
} from '@timonel/sdk/contracts/scheduler2';
import { createRecordingLogger, manualEnv, type RecordingLogger, type SimulatedEnv } from '@timonel/testkit';
import type { HostConfig } from './core.ts';
import { SchedulerHost } from './host.ts';
import { FakeApi } from './testing/fake-api.ts';
import { aNode, aPod } from './testing/stand-ins.ts';

/** Binds everything to the node `a`, unless told otherwise. */
class ToNodeA implements Scheduler {
  traits: SchedulerTraits = {};
  readonly asked: string[][] = [];
  lastAsked: readonly PodInfo[] = [];
  snapshot: SchedulerSnapshot | undefined;
  trick: ((asked: readonly PodInfo[]) => Promise<readonly Decision[]>) | undefined;

  decide(asked: readonly PodInfo[], snapshot: SchedulerSnapshot): Promise<readonly Decision[]> {
    this.lastAsked = asked;
    this.asked.push(asked.map(({ name }) => name));
    this.snapshot = snapshot;
    if (this.trick !== undefined) return this.trick(asked);
    return Promise.resolve(
      asked.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName: 'a', scores: [], feasibleNodes: 1 })),
    );
  }

  placed(): string[] {
    return this.snapshot?.rows[0]?.pods.map(({ name }) => name) ?? [];
  }
}

interface Bench {
  readonly api: FakeApi;
  readonly env: SimulatedEnv;
  readonly log: RecordingLogger;
  readonly service: ToNodeA;
  readonly host: SchedulerHost;
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);
const running: { readonly host: SchedulerHost; readonly stop: AbortController; readonly env: SimulatedEnv }[] = [];

async function bench(
  config: Partial<HostConfig> = {},
  prepare: (api: FakeApi) => void = () => undefined,
): Promise<Bench> {
  const api = new FakeApi();
  prepare(api);
  const env = manualEnv();
  const log = createRecordingLogger();
  const service = new ToNodeA();
  const stop = new AbortController();
  const hooks = { podBound: { size: 0, call: () => Promise.resolve() } };
  const host = new SchedulerHost(
    { name: 'scheduler-host', env, log, signal: stop.signal, reportFault: () => undefined, hooks },
    { api: api.client(), scheduler: service, schedulerName: () => 'to-node-a' },
    {
      schedulerName: 'default-scheduler',
      batchSize: 10,
      parallelBindings: 4,
      decisionTimeoutMs: 1000,
      admissionTimeoutMs: 1000,
      ...config,
    },
  );
  api.put('nodes', aNode('a'));
  void host.start();
  await env.settle();
  running.push({ host, stop, env });
  return { api, env, log, service, host };
}

afterEach(async () => {
  for (const { stop, env } of running.splice(0)) {
    stop.abort();
    await env.settle();
  }
});

/** Lets all that is due happen: each batch takes a turn of the event loop. */
async function quiet(env: SimulatedEnv, ms: number = 0): Promise<void> {
  await env.advance(ms);
  for (let turn = 0; turn < 20; turn++) await env.settle();
}

function putPods(api: FakeApi, count: number, from: number = 0): void {
  for (let index = from; index < from + count; index++) api.put('pods', aPod(`p${index}`));
}

describe('the scheduler host', () => {
  it('decides the next batch without waiting for bindings, until too many are under way', async () => {
    const { api, env, service, host } = await bench();
    const releases: ((written: boolean) => void)[] = [];
    api.onBinding = () => new Promise((resolve) => releases.push(resolve));
    putPods(api, 100);
    await quiet(env);
    // Four are written at once; sixteen may be under way before another batch is asked for.
    expect(api.bindings).toHaveLength(4);
    const asked = service.asked.flat().length;
    expect(asked).toBeGreaterThan(16);
    expect(asked).toBeLessThanOrEqual(26);
    expect(service.placed()).toHaveLength(asked);
    api.onBinding = () => Promise.resolve(true);
    for (const release of releases) release(true);
    await quiet(env);
    expect(host.counts.bound).toBe(100);
    expect(service.placed()).toHaveLength(100);
  });

  it('takes a pod off its node when its binding fails, and tries again after the back-off', async () => {
    const { api, env, service, host, log } = await bench();
    const faults = [new Error('no luck'), new Error('no luck')];
    api.onBinding = () => (faults.length > 0 ? Promise.reject(faults.pop()) : Promise.resolve(true));
    putPods(api, 1);
    await quiet(env);
    expect(service.placed()).toEqual([]);
    expect(host.pending()).toMatchObject({ backoff: 1 });
    await quiet(env, 999);
    expect(api.bindings).toHaveLength(1);
    await quiet(env, 1);
    expect(api.bindings).toHaveLength(2);
    await quiet(env, 2000);
    expect(api.pod('p0')?.spec.nodeName).toBe('a');
    expect(host.counts).toMatchObject({ bound: 1, bindErrors: 2 });
    expect(log.lines.filter(({ message }) => message === 'a binding failed')).toHaveLength(2);
  });

  it('counts a bound pod on its node until the informer confirms it, for 30 s at most', async () => {
    const { api, env, service, host } = await bench();
    // Answers well, but the pod does not change.
    api.onBinding = () => Promise.resolve(false);
    putPods(api, 1);
    await quiet(env);
    await quiet(env, 29_000);
    // What comes late is not taken for a pod that waits.
    api.put('pods', aPod('p0', {}, { annotations: { changed: 'yes' } }));
    await quiet(env);
    expect(host.counts.bound).toBe(1);
    expect(service.asked).toEqual([['p0']]);
    expect(service.placed()).toEqual(['p0']);
    await quiet(env, 10_000);
    expect(service.placed()).toEqual([]);
  });

  it('does not ask twice about a pod whose binding is under way', async () => {
    const { api, env, service } = await bench();
    api.onBinding = never;
    putPods(api, 1);
    await quiet(env);
    api.put('pods', aPod('p0', {}, { annotations: { changed: 'yes' } }));
    await quiet(env, 60_000);
    expect(service.asked).toEqual([['p0']]);
  });

  it('goes on after a decision that hangs, with smaller batches', async () => {
    const { api, env, service, host } = await bench();
    service.trick = never;
    putPods(api, 10);
    await quiet(env);
    const first = service.asked[0]?.length ?? 0;
    await quiet(env, 1000);
    expect(host.counts.decisionErrors).toBe(first);
    service.trick = undefined;
    await quiet(env, 5000);
    expect(host.counts.bound).toBe(10);
    expect(Math.max(...service.asked.slice(1).map((batch) => batch.length))).toBeLessThanOrEqual(4);
    expect(host.decisions.ofName('default', 'p0').map(({ decision }) => decision.outcome)).toEqual(['error', 'bind']);
  });

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
    await quiet(env);
    service.traits = {};
    service.trick = () => Promise.reject(new Error('later'));
    await quiet(env, 10_000);
    expect(service.snapshot?.rows[0]?.nominated.map(({ name }) => name)).toEqual(['p']);
  });

  it('gives up an admission that takes too long', async () => {
    const { api, env, service, host } = await bench();
    let told = false;
    service.traits = {
      admit: (_pod, _nodeName, signal) => {
        signal.addEventListener('abort', () => (told = true));
        return never();
      },
    };
    await quiet(env, 10_000);
    putPods(api, 1);
    await quiet(env, 999);
    expect(service.placed()).toEqual(['p0']);
    service.traits = {};
    await quiet(env, 1);
    expect(host.counts).toMatchObject({ bound: 0, bindErrors: 1 });
    expect(told).toBe(true);
    await quiet(env, 10_000);
    expect(host.counts.bound).toBe(1);
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

  it('looks at pods again that came before it knew all other objects', async () => {
    let listed: () => void = () => undefined;
    const { api, env, service } = await bench({}, (fake) => {
      const services = new Promise<void>((resolve) => (listed = resolve));
      fake.onList = (resource) => (resource === 'services' ? services : Promise.resolve());
      fake.put('pods', aPod('p', {}, { labels: { app: 'web' } }));
      fake.put('services', {
        metadata: { name: 's', namespace: 'default' },
        spec: { selector: { app: 'web' } },
      });
    });
    expect(service.asked).toEqual([]);
    listed();
    await quiet(env);
    expect(service.asked).toEqual([['p']]);
    // Pods of a service are spread when nothing else is said.
    expect(service.lastAsked[0]?.class.spread).not.toEqual([]);
    expect(api.pod('p')?.spec.nodeName).toBe('a');
  });

  it('acts on the other decisions of a batch when one makes it stumble', async () => {
    const { api, env, service, host, log } = await bench();
    let stumbles = 0;
    service.trick = (asked) =>
      Promise.resolve(
        asked.map(({ uid, name }): Decision => {
          let reads = 0;
          return {
            podUid: uid,
            nodeName: 'a',
            scores: [],
            feasibleNodes: 1,
            get outcome() {
              reads += 1;
              if (name === 'p1' && reads > 1 && stumbles === 0) {
                stumbles += 1;
                throw new Error('changed its mind');
              }
              return 'bind' as const;
            },
          };
        }),
      );
    putPods(api, 4);
    await quiet(env);
    expect(host.counts.bound).toBe(3);
    expect(log.lines.filter(({ message }) => message === 'the scheduler host has a fault')).toHaveLength(1);
    await quiet(env, 1000);
    expect(host.counts.bound).toBe(4);
  });

  it('leaves a pod alone that cannot be understood', async () => {
    const { api, env, log, host } = await bench();
    api.put('pods', { ...aPod('odd'), spec: null as never });
    api.put('pods', aPod('odd', { containers: null as never }));
    putPods(api, 1);
    await quiet(env);
    expect(host.counts.bound).toBe(1);
    expect(log.lines.some(({ message }) => message.startsWith('a pod cannot be understood'))).toBe(true);
  });
});
