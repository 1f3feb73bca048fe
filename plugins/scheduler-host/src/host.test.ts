/** The loop of the host: bindings, admissions, faults, take-overs. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Decision } from '@timonel/sdk/contracts/scheduler';
import { bench, endAll, never, putPods, quiet } from './testing/host-bench.ts';
import { aPod } from './testing/stand-ins.ts';

describe('the scheduler host', () => {
  afterEach(endAll);

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

  it('asks about pods that trickle in several at once, about a single one without delay', async () => {
    const { api, env, service, host } = await bench();
    service.trick = async (asked) => {
      await env.timers.sleep(1);
      return asked.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName: 'a', scores: [], feasibleNodes: 1 }));
    };
    putPods(api, 1);
    await quiet(env);
    expect(service.asked).toEqual([['p0']]);
    for (let index = 1; index < 20; index++) {
      await quiet(env, 2);
      putPods(api, 1, index);
    }
    await quiet(env, 20);
    expect(host.counts.bound).toBe(20);
    expect(service.asked.length).toBeLessThan(8);
  });

  it('does not wait for more pods when a whole batch is there', async () => {
    const { api, env, service, host } = await bench();
    service.trick = async (asked) => {
      await env.timers.sleep(1);
      return asked.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName: 'a', scores: [], feasibleNodes: 1 }));
    };
    putPods(api, 50);
    for (let ms = 0; ms < 20; ms++) await quiet(env, 1);
    expect(host.counts.bound).toBe(50);
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
    api.onBinding = () => Promise.resolve(true);
    // It has no node after all.
    await quiet(env, 10_000);
    expect(service.asked).toEqual([['p0'], ['p0']]);
    expect(api.pod('p0')?.spec.nodeName).toBe('a');
    expect(host.core.assumed.size).toBe(0);
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

  it('finds the pod that the scheduler cannot stand, and binds the others at once', async () => {
    const { api, env, service, host } = await bench({ batchSize: 100 });
    service.trick = (asked) => {
      if (asked.some(({ name }) => name === 'p50')) return Promise.reject(new Error('poisoned'));
      return Promise.resolve(
        asked.map(({ uid }) => ({ outcome: 'bind', podUid: uid, nodeName: 'a', scores: [], feasibleNodes: 1 })),
      );
    };
    putPods(api, 100);
    await quiet(env);
    expect(host.counts.bound).toBe(99);
    expect(host.pending()).toMatchObject({ active: 0, backoff: 1 });
    expect(service.asked.length).toBeLessThan(40);
    expect(host.decisions.ofName('default', 'p50')).toHaveLength(1);
  });

  it('lets a group back off that the scheduler cannot stand', async () => {
    const { api, env, service, host } = await bench();
    service.trick = () => Promise.reject(new Error('poisoned'));
    for (const name of ['g1', 'g2']) {
      api.put('pods', aPod(name, {}, { labels: { 'scheduling.timonel.dev/pod-group': 'g' } }));
    }
    await quiet(env);
    expect(service.asked.length).toBeLessThanOrEqual(3);
    expect(host.pending()).toMatchObject({ active: 0, backoff: 2 });
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

  it('admits only pods that the scheduler has something to do with', async () => {
    const { api, env, service, host } = await bench();
    const admitted: string[] = [];
    service.traits = {
      admits: ({ name }) => name === 'p1',
      admit: ({ name }) => (admitted.push(name), Promise.resolve({ outcome: 'bind' })),
    };
    await quiet(env, 10_000);
    putPods(api, 3);
    await quiet(env);
    expect(host.counts).toMatchObject({ bound: 3, bindErrors: 0 });
    expect(admitted).toEqual(['p1']);
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

  it('decides only while it leads, and drops what was decided when it does no more', async () => {
    let leads = false;
    let tell: (leading: boolean) => void = () => undefined;
    const current = {
      leading: () => leads,
      onChange: (listener: (leading: boolean) => void) => {
        tell = listener;
        return () => undefined;
      },
      status: () => ({ identity: 'a', holder: 'a', leading: leads, transitions: 0 }),
    };
    const { api, env, service, host } = await bench({}, undefined, { current, onChange: () => undefined });
    const lead = async (leading: boolean): Promise<void> => {
      leads = leading;
      tell(leading);
      await quiet(env, 100);
    };
    putPods(api, 1);
    await quiet(env);
    expect(service.asked).toEqual([]);
    expect(host.pending()).toMatchObject({ active: 1 });
    await lead(true);
    expect(api.bindings).toEqual(['p0']);
    const victims = [{ namespace: 'default', name: 'p0', uid: 'uid-p0', priority: 0 }];
    service.trick = async (asked) => {
      service.trick = undefined;
      await env.timers.sleep(50);
      return asked.map(({ uid }) => ({ outcome: 'preempt', podUid: uid, nodeName: 'a', victims, rejections: [] }));
    };
    api.put('pods', aPod('p1', { priority: 9 }));
    await quiet(env);
    await lead(false);
    expect(service.asked.at(-1)).toEqual(['p1']);
    expect(api.deletions).toEqual([]);
    expect(api.pod('p1')?.status).toBeUndefined();
    await quiet(env, 10_000);
    await lead(true);
    expect(api.bindings).toEqual(['p0', 'p1']);
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
