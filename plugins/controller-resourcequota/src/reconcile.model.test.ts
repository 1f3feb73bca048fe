/**
 * Charges by API servers, objects that come later or never, deletions, caches that lag, lost races and restarts, in any order:
 * what is there and what may still come never exceeds the quota, and in the end exactly what is there is used.
 */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ApiError, pods, type ResourceQuota } from '@timonel/sdk/kube';
import { isWithin, nothing, quantitiesOf, sameUsage, sum, usageOf, type Usage } from '@timonel/sdk/quota';
import { Memories, type Notes } from './memories.ts';
import { reconcile, trustsCaches, type Counted, type Observed } from './reconcile.ts';

const hard = { pods: '4', 'requests.cpu': '1' };
const bounds = usageOf(hard);
const settleMs = 10_000;
/** Within these a charged object comes. Changes are in the caches some time or other. */
const comesWithinMs = settleMs / 2 - 1;

interface Change {
  readonly uid: string;
  /** Undefined: it has gone. */
  readonly usage: Usage | undefined;
  readonly atMs: number;
}

interface Charge {
  readonly uid: string;
  readonly usage: Usage;
  readonly atMs: number;
}

/** A cluster with one quota, and the controller of it. */
class Model {
  nowMs = 1_000_000;
  quota: ResourceQuota = { metadata: { name: 'q', namespace: 'a', uid: 'q', resourceVersion: '1' }, spec: { hard } };
  readonly objects = new Map<string, Usage>();
  flying: Charge[] = [];
  #log: Change[] = [];
  #seen = 0;
  #cached = new Map<string, Usage>();
  #quotaCache = this.quota;
  readonly #notes: Notes = {
    forget: (_, uids) => {
      for (const uid of uids) this.#before.delete(uid);
    },
    settle: (_, shown) => {
      this.#settledAt = Number(shown.get(pods));
    },
  };
  readonly #memories = new Memories(this.#notes);
  /** With the place of the change in the log that was seen first. */
  #before = new Map<string, Counted & { readonly at: number }>();
  #settledAt = 0;
  #serial = 0;

  get used(): Usage {
    return usageOf(this.quota.status?.used);
  }

  get atMost(): Usage {
    return [...this.objects.values(), ...this.flying.map(({ usage }) => usage)].reduce(sum, nothing);
  }

  charge(milli: number): void {
    if (this.quota.status === undefined) return;
    const usage = usageOf({ pods: '1', 'requests.cpu': `${milli}m` });
    const next = sum(this.used, usage);
    if (!isWithin(next, bounds)) return;
    this.#writeQuota(next);
    this.flying.push({ uid: `u${(this.#serial += 1)}`, usage, atMs: this.nowMs });
  }

  come(index: number, comes: boolean): void {
    const [charge] = this.flying.splice(index % Math.max(1, this.flying.length), 1);
    if (charge !== undefined && comes) this.#change(charge.uid, charge.usage);
  }

  go(index: number, ends: boolean): void {
    const uid = [...this.objects.keys()][index % Math.max(1, this.objects.size)];
    if (uid !== undefined) this.#change(uid, ends ? nothing : undefined);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const late = this.flying.filter(({ atMs }) => this.nowMs - atMs > comesWithinMs);
    for (const charge of late) this.come(this.flying.indexOf(charge), charge.uid.length % 2 === 0);
  }

  /** So many changes arrive in the caches. */
  arrive(count: number, quotaToo: boolean): void {
    for (let n = 0; n < count; n += 1) this.#see();
    if (quotaToo) this.#quotaCache = this.quota;
  }

  restart(): void {
    this.arrive(this.#log.length, true);
    this.#memories.clear();
    this.#before.clear();
    this.#settledAt = 0;
  }

  /** Answers whether there was nothing to do. Writes may be carried out and not answered, or neither. */
  reconcile(write: 'answered' | 'unanswered' | 'lost' = 'answered'): boolean {
    const memory = this.#memories.of(this.#quotaCache);
    const objects = [...this.#cached].map(([uid, usage]): [string, Counted] => [uid, { name: uid, usage }]);
    const looked: Observed = {
      subject: this.#quotaCache,
      nowMs: this.nowMs,
      timestamp: '',
      counted: new Map(objects),
      before: new Map([...this.#before].filter(([, { at }]) => at > this.#settledAt)),
      shown: undefined,
      memory,
      uncounted: [],
      settleMs,
      resyncMs: 300_000,
      nextMs: undefined,
    };
    const isShown = trustsCaches(looked) && this.#showsAll;
    const observed: Observed = isShown ? { ...looked, shown: new Map([[pods, `${this.#log.length}`]]) } : looked;
    const [action] = reconcile(observed).actions;
    let error: ApiError | undefined;
    if (action?.do === 'status') {
      if (write !== 'answered') error = new ApiError('Timeout', 'no answer');
      if (write !== 'lost' && this.#quotaCache !== this.quota) error = new ApiError('Conflict', 'somebody wrote since');
      if (write !== 'lost' && this.#quotaCache === this.quota) {
        this.#writeQuota(usageOf((action.status as NonNullable<ResourceQuota['status']>).used));
        if (error === undefined) this.#quotaCache = this.quota;
      }
    }
    const failure = action === undefined || error === undefined ? {} : { failure: { action, error, message: '' } };
    this.#memories.remember(observed, failure);
    return action === undefined;
  }

  /** Or is the same all the same: what came and went is missed. */
  get #showsAll(): boolean {
    const { objects } = this;
    const cached = this.#cached;
    return cached.size === objects.size && [...cached].every(([uid, usage]) => objects.get(uid) === usage);
  }

  #writeQuota(used: Usage): void {
    const resourceVersion = String(Number(this.quota.metadata.resourceVersion) + 1);
    const metadata = { ...this.quota.metadata, resourceVersion };
    this.quota = { ...this.quota, metadata, status: { hard, used: quantitiesOf(used) } };
  }

  #change(uid: string, usage: Usage | undefined): void {
    if (usage === undefined) this.objects.delete(uid);
    else this.objects.set(uid, usage);
    this.#log.push({ uid, usage, atMs: this.nowMs });
  }

  #see(): void {
    const change = this.#log[this.#seen];
    if (change === undefined) return;
    this.#seen += 1;
    const { uid, usage } = change;
    const first = this.#cached.get(uid) ?? usage;
    if (first !== undefined && !this.#before.has(uid)) {
      this.#before.set(uid, { name: uid, usage: first, at: this.#seen });
    }
    if (usage === undefined) this.#cached.delete(uid);
    else this.#cached.set(uid, usage);
  }
}

/** Mostly the caches lag, and the controller looks often. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('charge' as const), milli: fc.constantFrom(0, 100, 300, 600) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('come' as const), index: fc.nat(9), comes: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('go' as const), index: fc.nat(9), ends: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('arrive' as const), count: fc.nat(3), quotaToo: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ do: 'arrive', count: 0, quotaToo: true } as const) },
  { weight: 4, arbitrary: fc.constant({ do: 'reconcile', write: 'answered' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('reconcile' as const),
      write: fc.constantFrom('unanswered' as const, 'lost' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(10, 4_000, 12_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** It came and went, and was given back, before any cache showed it: shown later, it must not be given back again. */
const shownLate: readonly Step[] = [
  { do: 'charge', milli: 0 },
  { do: 'arrive', count: 0, quotaToo: true },
  { do: 'reconcile', write: 'answered' },
  { do: 'pass', ms: 12_000 },
  { do: 'go', index: 0, ends: false },
  { do: 'reconcile', write: 'answered' },
  { do: 'charge', milli: 0 },
  { do: 'arrive', count: 2, quotaToo: true },
  { do: 'reconcile', write: 'answered' },
];

/** What goes is given back by a write that nobody answers: it must not be given back again. */
const unanswered: readonly Step[] = [
  { do: 'charge', milli: 0 },
  { do: 'arrive', count: 0, quotaToo: true },
  { do: 'pass', ms: 12_000 },
  { do: 'go', index: 0, ends: false },
  { do: 'arrive', count: 2, quotaToo: false },
  { do: 'reconcile', write: 'unanswered' },
  { do: 'charge', milli: 0 },
  { do: 'arrive', count: 0, quotaToo: true },
  { do: 'reconcile', write: 'answered' },
];

function apply(model: Model, taken: Step): void {
  switch (taken.do) {
    case 'charge':
      return model.charge(taken.milli);
    case 'come':
      return model.come(taken.index, taken.comes);
    case 'go':
      return model.go(taken.index, taken.ends);
    case 'arrive':
      return model.arrive(taken.count, taken.quotaToo);
    case 'reconcile':
      model.reconcile(taken.write);
      return undefined;
    case 'pass':
      return model.pass(taken.ms);
    case 'restart':
      return model.restart();
  }
  return undefined;
}

it('never lets more be made than the quota allows, and ends with exactly what is there', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const model = new Model();
      model.reconcile();
      for (const taken of steps) {
        apply(model, taken);
        expect(isWithin(model.atMost, model.used)).toBe(true);
        expect(isWithin(model.atMost, bounds)).toBe(true);
      }
      while (model.flying.length > 0) model.come(0, true);
      model.arrive(1_000, true);
      model.reconcile();
      model.pass(settleMs);
      model.reconcile();
      model.reconcile();
      const there = [...model.objects.values()].reduce(sum, usageOf({ pods: '0', 'requests.cpu': '0' }));
      expect(quantitiesOf(model.used)).toEqual(quantitiesOf(there));
      expect(sameUsage(model.used, there)).toBe(true);
      expect(model.reconcile()).toBe(true);
    }),
    { numRuns: 400, examples: [[[...shownLate]], [[...unanswered]]] },
  );
});

it('gives back at once what goes, whatever else is being charged', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const model = new Model();
      model.reconcile();
      for (const taken of steps) apply(model, taken);
      model.arrive(1_000, true);
      model.reconcile();
      const before = model.used;
      const [first] = model.objects.values();
      if (first === undefined || model.objects.size === 0) return;
      model.go(0, false);
      model.arrive(1, true);
      model.reconcile();
      expect(quantitiesOf(sum(model.used, first))).toEqual(quantitiesOf(sum(before, usageOf({ pods: '0' }))));
    }),
    { numRuns: 150 },
  );
});

it('gives back at once what comes and goes between two looks', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
      const model = new Model();
      model.reconcile();
      for (const taken of steps) apply(model, taken);
      model.arrive(1_000, true);
      model.reconcile();
      const before = model.used;
      model.charge(0);
      if (sameUsage(model.used, before)) return;
      model.come(model.flying.length - 1, true);
      model.go(model.objects.size - 1, false);
      model.arrive(2, true);
      model.reconcile();
      expect(quantitiesOf(model.used)).toEqual(quantitiesOf(before));
    }),
    { numRuns: 150 },
  );
});
