import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv, type SimulatedEnv } from '@timonel/core';
import { openMetrics, type MetricFamily, type MetricOpener } from '../kernel/index.ts';
import type { ApiClient, WatchEvent } from '../contracts/api/index.ts';
import { ApiError, configMaps, coreEvents, objectKey, type ConfigMap, type CoreEvent } from '../kube/index.ts';
import { keysFrom, runController, type ControllerOptions, type RunningController } from './controller.ts';
import { EventRecorder } from './event-recorder.ts';
import type { ControllerHost } from './host.ts';
import { informers } from './informers.ts';
import type { Informer } from './informer.ts';
import { jsonEqual } from './json-equal.ts';
import { planClaims } from './ownership.ts';
import { slowStart } from './slow-start.ts';
import { setCondition, updateStatusIfChanged } from './status.ts';

/** One type of object whose events are handed out when the test says so. */
class Feed {
  readonly #queue: WatchEvent<ConfigMap>[] = [];
  #wake: (() => void) | undefined;

  emit(type: WatchEvent<ConfigMap>['type'], name: string, version: number, more: ConfigMap['metadata'] = {}): void {
    const metadata = { namespace: 'default', name, uid: `uid-${name}`, resourceVersion: String(version), ...more };
    this.#queue.push({ type, object: { metadata } });
    this.#wake?.();
  }

  client(): ApiClient {
    const list = () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] });
    return {
      list,
      watch: (_: unknown, { signal }: { signal: AbortSignal }) => this.#watch(signal),
    } as unknown as ApiClient;
  }

  async *#watch(signal: AbortSignal): AsyncIterable<WatchEvent<ConfigMap>> {
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      const next = this.#queue.shift();
      if (next === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else yield next;
    }
  }
}

interface Bench {
  readonly env: SimulatedEnv;
  readonly feed: Feed;
  readonly running: RunningController;
  readonly informer: Informer<ConfigMap>;
  readonly faults: unknown[];
  readonly host: ControllerHost;
  /** The values of each metric. */
  readonly shown: () => Readonly<Record<string, readonly number[]>>;
}

/** Metrics as a kernel keeps them. */
function metricsOf(): { readonly open: MetricOpener; readonly shown: Bench['shown'] } {
  const collects: (() => readonly MetricFamily[])[] = [];
  const open: MetricOpener = (definitions, refresh) => {
    const { instruments, collect } = openMetrics(definitions, refresh);
    collects.push(collect);
    return instruments;
  };
  const shown: Bench['shown'] = () =>
    Object.fromEntries(
      collects.flatMap((collect) => collect()).map(({ name, samples }) => [name, samples.map(({ value }) => value)]),
    );
  return { open, shown };
}

function makeHost(env: SimulatedEnv, faults: unknown[], signal = new AbortController().signal): ControllerHost {
  const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
  return { name: 'test', env, log: silent, signal, reportFault: (error) => faults.push(error) };
}

function bench(
  reconcile: (
    key: string,
    ...rest: Parameters<ControllerOptions['reconcile']> extends [unknown, ...infer R] ? R : never
  ) => Promise<void>,
): Bench {
  const env = createSimulatedEnv({ seed: 3 });
  const faults: unknown[] = [];
  const feed = new Feed();
  const { open, shown } = metricsOf();
  const host = { ...makeHost(env, faults), metrics: open };
  const set = informers(host, feed.client());
  const informer = set.for(configMaps);
  const sources = [keysFrom(informer, (object: ConfigMap) => [objectKey(object)])];
  const running = runController({ ctx: host, name: 'test', informers: set, sources, reconcile, workers: 2 });
  running.start();
  return { env, feed, running, informer, faults, host, shown };
}

describe('runController', () => {
  it('counts what it does', async () => {
    const errors: unknown[] = [new ApiError('Conflict', 'lost'), new ApiError('Invalid', 'refused')];
    const { env, feed, shown } = bench(async () => {
      const error = errors.shift();
      if (error !== undefined) throw error;
    });
    feed.emit('ADDED', 'a', 2);
    await env.advance(60_000);
    expect(shown()).toMatchObject({
      workqueue_adds_total: [3],
      workqueue_depth: [0],
      workqueue_retries_total: [2],
      timonel_reconcile_errors_total: [1, 1],
      timonel_controller_active: [1],
    });
    expect(shown()['workqueue_work_duration_seconds']?.at(-1)).toBe(3);
  });

  it('reconciles after the caches have synced, retries with back-off, reports only what is unexpected', async () => {
    const seen: string[] = [];
    const errors: unknown[] = [new ApiError('Conflict', 'lost'), new TypeError('a bug'), undefined];
    const { env, feed, running, faults } = bench(async (key) => {
      seen.push(key);
      const error = errors.shift();
      if (error !== undefined) throw error;
    });
    feed.emit('ADDED', 'a', 2);
    await env.advance(60_000);
    expect(seen).toEqual(['default/a', 'default/a', 'default/a']);
    expect(faults).toEqual([expect.objectContaining({ name: 'TypeError' })]);
    expect(running.provides.controller.status()).toEqual({
      name: 'test',
      queued: 0,
      processing: 0,
      delayed: 0,
      reconciles: 3,
      errors: 2,
      synced: true,
      leading: true,
    });
    await running.stop();
    expect(env.pendingTimers).toBe(0);
  });

  it('reports the fault of a key once until it succeeds: one odd object does not stop the plugin for the others', async () => {
    const tries = new Map<string, number>();
    const { env, feed, running, faults } = bench(async (key) => {
      const count = (tries.get(key) ?? 0) + 1;
      tries.set(key, count);
      if (key === 'default/odd' && count !== 30) throw new TypeError(`${key} is odd`);
      if (key === 'default/b' && count === 1) throw new TypeError('b');
    });
    feed.emit('ADDED', 'odd', 2);
    feed.emit('ADDED', 'b', 3);
    await env.advance(15 * 60_000);
    expect(tries.get('default/odd')).toBeGreaterThan(20);
    expect(running.provides.controller.status().errors).toBeGreaterThan(20);
    expect(faults.map(String)).toEqual(['TypeError: default/odd is odd', 'TypeError: b']);
    // Once it went well a new fault is news.
    await env.advance(60 * 60_000);
    feed.emit('MODIFIED', 'odd', 4);
    await env.advance(60_000);
    expect(faults.map(String).slice(2)).toEqual(['TypeError: default/odd is odd']);
    await running.stop();
  });

  it('holds a key back until the cache shows its own writes', async () => {
    const seen: string[] = [];
    const made: Bench = bench(async (key, ownWrites) => {
      seen.push(key);
      if (seen.length > 1) return;
      ownWrites.wrote(key, made.informer, { metadata: { resourceVersion: '10' } });
      const doomed = made.informer.get('default/doomed');
      if (doomed !== undefined) ownWrites.deleted(key, made.informer, doomed);
    });
    const { env, feed, running } = made;
    feed.emit('ADDED', 'a', 2);
    await env.settle();
    expect(seen).toHaveLength(1);
    running.queue.add('default/a');
    await env.settle();
    feed.emit('MODIFIED', 'a', 9);
    await env.settle();
    expect(seen).toHaveLength(1);
    // Another object's event is proof as well: the cache has come that far.
    feed.emit('BOOKMARK', '', 10);
    await env.settle();
    expect(seen).toEqual(['default/a', 'default/a']);
    await running.stop();
  });

  it('holds a key back while the cache still shows what it deleted', async () => {
    const passes: boolean[] = [];
    const made: Bench = bench(async (key, ownWrites) => {
      const doomed = made.informer.get('default/doomed');
      if (key !== 'default/a') return;
      passes.push(doomed !== undefined);
      if (doomed !== undefined) ownWrites.deleted(key, made.informer, doomed);
    });
    const { env, feed, running } = made;
    feed.emit('ADDED', 'doomed', 2);
    await env.settle();
    feed.emit('ADDED', 'a', 3);
    await env.settle();
    feed.emit('MODIFIED', 'a', 4);
    await env.settle();
    expect(passes).toEqual([true]);
    feed.emit('MODIFIED', 'doomed', 5, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    feed.emit('MODIFIED', 'a', 6);
    await env.settle();
    expect(passes).toEqual([true, true]);
    await running.stop();
  });

  it('drains: takes no new work and ends when the old work is done', async () => {
    let release: () => void = () => undefined;
    const { env, feed, running } = bench(() => new Promise<void>((resolve) => (release = resolve)));
    feed.emit('ADDED', 'a', 2);
    await env.settle();
    let drained = false;
    void running.drain().then(() => (drained = true));
    feed.emit('ADDED', 'b', 3);
    await env.settle();
    expect(drained).toBe(false);
    release();
    await env.settle();
    expect(drained).toBe(true);
    expect(running.provides.controller.status().reconciles).toBe(1);
    await running.stop();
  });
});

describe('EventRecorder', () => {
  function recorder() {
    const env = createSimulatedEnv({ seed: 1 });
    const written: CoreEvent[] = [];
    const patches: unknown[] = [];
    let fail: unknown;
    const api = {
      create: (_: unknown, event: CoreEvent) => {
        if (fail !== undefined) return Promise.reject(fail);
        written.push(event);
        return Promise.resolve(event);
      },
      patch: (type: unknown, _: unknown, patch: { body: unknown }) => {
        expect(type).toBe(coreEvents);
        patches.push(patch.body);
        const last = written.at(-1);
        return Promise.resolve({ ...last, ...(patch.body as object) });
      },
    } as unknown as ApiClient;
    const events = new EventRecorder(makeHost(env, []), api, {
      component: 'test-controller',
      burst: 15,
      refillMs: 1000,
    });
    const object: ConfigMap = { metadata: { name: 'a', namespace: 'default', uid: 'u' } };
    const record = (message: string): void => events.record(configMaps, object, 'Normal', 'Tested', message);
    return { env, written, patches, events, record, failWith: (error: unknown) => (fail = error) };
  }

  it('writes an event, and counts the same one up', async () => {
    const { events, record, written, patches, env } = recorder();
    record('hello');
    record('hello');
    record('hello');
    await env.settle();
    await events.flush();
    expect(written).toHaveLength(1);
    expect(written[0]).toMatchObject({
      metadata: { namespace: 'default', name: expect.stringMatching(/^a\.[0-9a-f]{16}$/) },
      involvedObject: { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'u' },
      reason: 'Tested',
      count: 1,
      source: { component: 'test-controller' },
    });
    expect(patches).toMatchObject([{ count: 2 }, { count: 3 }]);
  });

  it('combines many messages of one reason, keeps the budget of an object, and refills it', async () => {
    const { events, record, written, env } = recorder();
    for (let number = 0; number < 40; number++) record(`message ${number}`);
    await events.flush();
    expect(written).toHaveLength(11);
    expect(written.at(-1)?.message).toBe('(combined from similar events): message 10');
    expect(events.dropped).toBe(25);
    await env.advance(2000);
    record('message 0');
    await events.flush();
    expect(events.dropped).toBe(25);
  });

  it('drops what the API refuses', async () => {
    const { events, record, failWith } = recorder();
    failWith(new ApiError('Forbidden', 'no'));
    record('hello');
    await events.flush();
    expect(events.dropped).toBe(1);
  });
});

describe('helpers', () => {
  it('jsonEqual takes undefined for absent and minds everything else', () => {
    expect(jsonEqual({ a: 1, b: undefined }, { a: 1 })).toBe(true);
    expect(jsonEqual({ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] })).toBe(true);
    for (const [a, b] of [
      [{ a: 1 }, { a: 2 }],
      [{ a: 1 }, { a: 1, b: null }],
      [[1], [1, 2]],
      [[], {}],
      [null, {}],
      [0, '0'],
    ]) {
      expect(jsonEqual(a, b)).toBe(false);
      expect(jsonEqual(b, a)).toBe(false);
    }
  });

  it('setCondition keeps the transition time while the status stays', () => {
    const first = setCondition(undefined, { type: 'A', status: 'True', reason: 'X' }, 't1');
    const second = setCondition(first, { type: 'A', status: 'True', reason: 'Y' }, 't2');
    expect(second).toEqual([{ type: 'A', status: 'True', reason: 'Y', lastTransitionTime: 't1' }]);
    expect(setCondition(second, { type: 'A', status: 'False', reason: 'Y' }, 't3')[0]?.lastTransitionTime).toBe('t3');
  });

  it('updateStatusIfChanged writes only a difference', async () => {
    const writes: unknown[] = [];
    const api = {
      updateStatus: (_: unknown, object: unknown) => Promise.resolve(writes.push(object)),
    } as unknown as ApiClient;
    const object = { metadata: { name: 'a' }, status: { phase: 'Active' } };
    const type = { group: '', version: 'v1', resource: 'things', kind: 'Thing', namespaced: true };
    expect(await updateStatusIfChanged<typeof object>(api, type, object, { phase: 'Active' })).toBeUndefined();
    await updateStatusIfChanged<typeof object>(api, type, object, { phase: 'Terminating' });
    expect(writes).toEqual([{ metadata: { name: 'a' }, status: { phase: 'Terminating' } }]);
  });

  it('planClaims never takes what another owns', () => {
    const owner = { metadata: { name: 'o', uid: 'me' } };
    const reference = (uid: string) => ({ apiVersion: 'v1', kind: 'X', name: 'o', uid, controller: true });
    const object = (name: string, labels: Record<string, string>, uid?: string): ConfigMap => ({
      metadata: { name, labels, ...(uid === undefined ? {} : { ownerReferences: [reference(uid)] }) },
    });
    const objects = [
      object('mine', { a: '1' }, 'me'),
      object('other', { a: '1' }, 'you'),
      object('orphan', { a: '1' }),
      object('strayed', {}, 'me'),
      object('nothing', {}),
    ];
    const claims = planClaims(owner, [{ key: 'a', operator: 'In', values: ['1'] }], objects);
    const names = (list: readonly ConfigMap[]): unknown[] => list.map(({ metadata }) => metadata.name);
    expect([names(claims.owned), names(claims.adopt), names(claims.release)]).toEqual([
      ['mine'],
      ['orphan'],
      ['strayed'],
    ]);
  });

  it('slowStart doubles its batches and stops at the first failure', async () => {
    const calls: number[] = [];
    const outcome = await slowStart(100, async (index) => {
      calls.push(index);
      if (index === 4) throw new Error('enough');
    });
    // 1 + 2 + 4: the batch of the failure is the last.
    expect(calls).toHaveLength(7);
    expect(outcome).toMatchObject({ succeeded: 6, error: { message: 'enough' } });
    expect(await slowStart(10, async () => undefined)).toEqual({ succeeded: 10, error: undefined });
  });
});
