/** The queue against a model that is slow and simple: lists that are searched. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ClusterEvent, ClusterEventKind, PodInfo, RequeueHint } from '@timonel/sdk/contracts/scheduler';
import { PodQueue } from './pod-queue.ts';
import type { QueueCounts } from './queue-places.ts';
import { aNode, aPodInfo } from '../testing/stand-ins.ts';
import { byPriority, gatesOf, type QueueRules, type WaitingPod } from './waiting-pod.ts';

const hints: Readonly<Record<string, readonly RequeueHint[] | undefined>> = {
  Fit: [{ event: 'pod-removed', helps: (pod, event) => event.kind === 'pod-removed' && pod.class.priority < 2 }],
  Taints: [{ event: 'node-added' }, { event: 'node-updated' }],
  Any: undefined,
};
const rules: QueueRules = { compare: byPriority, preEnqueue: gatesOf, requeueHints: (plugin) => hints[plugin] };
const eventsOf: Partial<Record<ClusterEventKind, ClusterEvent>> = {
  'node-added': { kind: 'node-added', node: aNode('n') },
  'pod-removed': { kind: 'pod-removed', pod: aPodInfo('x'), nodeName: 'n' },
  'pod-bound': { kind: 'pod-bound', pod: aPodInfo('x'), nodeName: 'n' },
};

interface ModelPod {
  info: PodInfo;
  readonly order: number;
  place: 'active' | 'backoff' | 'unschedulable' | 'gated' | 'deciding';
  attempts: number;
  triedMs: number;
  until: number;
  plugins: readonly string[];
  during: ClusterEvent[];
  moved: boolean;
}

class Model {
  readonly pods = new Map<string, ModelPod>();
  #order = 0;

  put(info: PodInfo): void {
    const known = this.pods.get(info.uid);
    const gated = (info.pod.spec.schedulingGates ?? []).length > 0;
    if (known === undefined) {
      const fresh = { attempts: 0, triedMs: 0, until: Infinity, plugins: [], during: [], moved: false };
      this.pods.set(info.uid, { info, order: this.#order++, place: gated ? 'gated' : 'active', ...fresh });
      return;
    }
    const changed = known.info.class.key !== info.class.key;
    known.info = info;
    if (known.place === 'deciding') known.moved ||= changed;
    else if (known.place === 'gated' || (changed && known.place !== 'backoff'))
      known.place = gated ? 'gated' : 'active';
  }

  take(limit: number, now: number): string[] {
    for (const pod of this.pods.values()) {
      if ((pod.place === 'backoff' || pod.place === 'unschedulable') && pod.until <= now) pod.place = 'active';
    }
    const active = [...this.pods.values()].filter(({ place }) => place === 'active');
    active.sort((a, b) => b.info.class.priority - a.info.class.priority || a.order - b.order);
    const taken = active.slice(0, limit);
    for (const pod of taken)
      Object.assign(pod, { place: 'deciding', attempts: pod.attempts + 1, during: [], moved: false });
    return taken.map(({ info }) => info.uid);
  }

  failed(uid: string, plugin: string | undefined, now: number): void {
    const pod = this.pods.get(uid);
    if (pod === undefined || pod.place !== 'deciding') return;
    pod.triedMs = now;
    pod.plugins = plugin === undefined ? [] : [plugin];
    if (plugin === undefined || pod.moved || this.#helps(pod, pod.during)) this.#retry(pod, now);
    else Object.assign(pod, { place: 'unschedulable', until: now + 300_000 });
  }

  apply(events: readonly ClusterEvent[], now: number): void {
    for (const pod of this.pods.values()) {
      if (pod.place === 'deciding') pod.during.push(...events);
      if (pod.place === 'unschedulable' && this.#helps(pod, events)) this.#retry(pod, now);
    }
  }

  activate(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod?.place === 'deciding') pod.moved = true;
    else if (pod?.place === 'backoff' || pod?.place === 'unschedulable') pod.place = 'active';
  }

  counts(): QueueCounts {
    const counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0 };
    for (const { place } of this.pods.values()) if (place !== 'deciding') counts[place] += 1;
    return counts;
  }

  nextInMs(now: number): number | undefined {
    const waits = [...this.pods.values()].flatMap(({ place, until }) => {
      if (place === 'active') return 0;
      return place === 'backoff' || place === 'unschedulable' ? Math.max(0, until - now) : [];
    });
    return waits.length === 0 ? undefined : Math.min(...waits);
  }

  #helps(pod: ModelPod, events: readonly ClusterEvent[]): boolean {
    return events.some((event) =>
      pod.plugins.some((plugin) => {
        const known = hints[plugin];
        if (known === undefined) return true;
        return known.some((hint) => hint.event === event.kind && hint.helps?.(pod.info, event) !== false);
      }),
    );
  }

  #retry(pod: ModelPod, now: number): void {
    const until = pod.triedMs + Math.min(10_000, 1000 * 2 ** (pod.attempts - 1));
    Object.assign(pod, until <= now ? { place: 'active' } : { place: 'backoff', until });
  }
}

type Step =
  | { readonly do: 'put'; readonly pod: number; readonly priority: number; readonly gated: boolean }
  | { readonly do: 'delete' | 'activate'; readonly pod: number }
  | { readonly do: 'take'; readonly limit: number }
  | { readonly do: 'fail'; readonly pick: number; readonly plugin: string | undefined }
  | { readonly do: 'events'; readonly kinds: readonly ('node-added' | 'pod-removed' | 'pod-bound')[] }
  | { readonly do: 'wait'; readonly ms: number };

const pod = fc.integer({ min: 0, max: 7 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('put' as const), pod, priority: fc.integer({ min: 0, max: 3 }), gated: fc.boolean() }),
  fc.record({ do: fc.constantFrom('delete' as const, 'activate' as const), pod }),
  fc.record({ do: fc.constant('take' as const), limit: fc.integer({ min: 1, max: 4 }) }),
  fc.record({
    do: fc.constant('fail' as const),
    pick: fc.nat(10),
    plugin: fc.constantFrom('Fit', 'Taints', 'Any', undefined),
  }),
  fc.record({
    do: fc.constant('events' as const),
    kinds: fc.array(fc.constantFrom('node-added' as const, 'pod-removed' as const, 'pod-bound' as const), {
      maxLength: 3,
    }),
  }),
  fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 500, 1000, 10_000, 300_000) }),
);

class Pair {
  readonly #queue = new PodQueue(rules);
  readonly #model = new Model();
  #deciding: WaitingPod[] = [];
  #now = 0;

  run(next: Step): void {
    this.#do(next);
    expect(this.#queue.counts()).toEqual(this.#model.counts());
    expect(this.#queue.nextInMs(this.#now)).toBe(this.#model.nextInMs(this.#now));
  }

  #do(next: Step): void {
    if (next.do === 'put') this.#put(next.pod, next.priority, next.gated);
    else if (next.do === 'take') this.#take(next.limit);
    else if (next.do === 'fail') this.#fail(next.pick, next.plugin);
    else if (next.do === 'wait') this.#now += next.ms;
    else if (next.do === 'events') {
      const events = next.kinds.flatMap((kind) => eventsOf[kind] ?? []);
      this.#queue.apply(events, this.#now);
      this.#model.apply(events, this.#now);
    } else if (next.do === 'activate') {
      this.#queue.activate(`uid-p${next.pod}`);
      this.#model.activate(`uid-p${next.pod}`);
    } else {
      this.#queue.delete(`uid-p${next.pod}`);
      this.#model.pods.delete(`uid-p${next.pod}`);
    }
  }

  #put(index: number, priority: number, gated: boolean): void {
    const info = aPodInfo(`p${index}`, { priority, ...(gated ? { schedulingGates: [{ name: 'g' }] } : {}) });
    const known = this.#model.pods.get(info.uid);
    // The API lets gates go, not come.
    if (gated && known !== undefined && known.place !== 'gated') return;
    this.#queue.put(info, this.#now);
    this.#model.put(info);
  }

  #take(limit: number): void {
    const taken = this.#queue.take(limit, this.#now);
    expect(taken.map(({ uid }) => uid)).toEqual(this.#model.take(limit, this.#now));
    this.#deciding.push(...taken);
  }

  #fail(pick: number, plugin: string | undefined): void {
    const waiting = this.#deciding[pick % Math.max(1, this.#deciding.length)];
    if (waiting === undefined) return;
    this.#deciding = this.#deciding.filter((other) => other !== waiting);
    // A pod that was deleted and came anew is another one for the queue.
    const current = this.#queue.get(waiting.uid) === waiting;
    this.#queue.failed(
      waiting,
      plugin === undefined ? { why: 'error' } : { why: 'unschedulable', plugins: [plugin] },
      this.#now,
    );
    if (current) this.#model.failed(waiting.uid, plugin, this.#now);
  }
}

describe('the queue of pods', () => {
  it('does what its model does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const pair = new Pair();
        for (const next of steps) pair.run(next);
      }),
      { numRuns: 300 },
    );
  });
});
