import { describe, expect, it } from '@jest/globals';
import type { Action } from '@timonel/sdk/controller';
import type { Quantities, ResourceQuota } from '@timonel/sdk/kube';
import { usageOf } from '@timonel/sdk/quota';
import { explain } from './explain.ts';
import { memoryAfter, reconcile, type Counted, type Memory, type Observed } from './reconcile.ts';

const settleMs = 10_000;

const counted = (objects: Readonly<Record<string, Quantities>>): ReadonlyMap<string, Counted> =>
  new Map(Object.entries(objects).map(([uid, usage]) => [uid, { name: `pods/${uid}`, usage: usageOf(usage) }]));

const memory = (objects: Readonly<Record<string, Quantities>>, used: Quantities, chargedAtMs = 0): Memory => ({
  counted: counted(objects),
  used: usageOf(used),
  chargedAtMs,
});

function seen(hard: Quantities, used: Quantities | undefined, more: Partial<Observed> = {}): Observed {
  const status = used === undefined ? {} : { status: { hard, used } };
  const subject: ResourceQuota = { metadata: { name: 'quota', namespace: 'a', uid: 'q' }, spec: { hard }, ...status };
  return {
    subject,
    nowMs: 100_000,
    timestamp: '2026-01-01T00:00:00Z',
    counted: new Map(),
    before: new Map(),
    shown: new Map(),
    memory: undefined,
    uncounted: [],
    settleMs,
    resyncMs: 300_000,
    nextMs: undefined,
    ...more,
  };
}

function written(actions: readonly Action[]): unknown {
  const found = actions.find((action) => action.do === 'status');
  return found?.do === 'status' ? (found.status as NonNullable<ResourceQuota['status']>).used : undefined;
}

const one = { pods: '1' };
const hard = { pods: '5' };

describe('the status of a quota', () => {
  it.each<[string, Observed, Quantities | undefined]>([
    ['of nothing', seen(hard, undefined), { pods: '0' }],
    ['of what was there before', seen(hard, undefined, { counted: counted({ a: one, b: one }) }), { pods: '2' }],
    ['of objects that nobody charged', seen(hard, { pods: '0' }, { counted: counted({ a: one }) }), { pods: '1' }],
    ['stays when it is right', seen(hard, { pods: '1' }, { counted: counted({ a: one }) }), undefined],
    ['keeps what may have been charged before this process began', seen(hard, { pods: '3' }), undefined],
    [
      'keeps what was charged and is not there as yet',
      seen(hard, { pods: '2' }, { counted: counted({ a: one }), memory: memory({ a: one }, { pods: '1' }) }),
      undefined,
    ],
    [
      'gives back what has gone, and keeps what was charged',
      seen(hard, { pods: '3' }, { counted: counted({ a: one }), memory: memory({ a: one, b: one }, { pods: '2' }) }),
      { pods: '2' },
    ],
    [
      'gives back what came and went between two passes',
      seen(hard, { pods: '2' }, { before: counted({ b: one }), memory: memory({}, { pods: '1' }, 99_000) }),
      { pods: '1' },
    ],
    [
      'gives back what an object that came no longer counts for',
      seen(hard, { pods: '1' }, { before: counted({ b: one }), counted: counted({ b: {} }), memory: memory({}, {}) }),
      { pods: '0' },
    ],
    [
      'gives back a charge whose object did not come in time',
      seen(hard, { pods: '2' }, { counted: counted({ a: one }), memory: memory({ a: one }, { pods: '2' }, 90_000) }),
      { pods: '1' },
    ],
    [
      'has names that were added',
      seen(
        { ...hard, 'requests.cpu': '1' },
        { pods: '1' },
        { counted: counted({ a: { pods: '1', 'requests.cpu': '200m' } }) },
      ),
      { pods: '1', 'requests.cpu': '200m' },
    ],
    ['has no name that was taken away', seen({}, { pods: '1' }), {}],
    [
      'says nothing of names that nothing counts for',
      seen({ pods: '1', pdos: '1' }, undefined, { uncounted: ['pdos'] }),
      { pods: '0' },
    ],
  ])('%s', (_title, observed, wanted) => {
    const { actions } = reconcile(observed);
    expect(written(actions)).toEqual(wanted);
  });

  it('looks again when a charge may be given back, when something stops to count, and now and then', () => {
    const known = memory({}, { pods: '1' }, 99_000);
    expect(reconcile(seen(hard, { pods: '1' }, { memory: known })).requeueAfterMs).toBe(9_001);
    expect(reconcile(seen(hard, { pods: '0' }, { nextMs: 100_500 })).requeueAfterMs).toBe(501);
    expect(reconcile(seen(hard, { pods: '0' })).requeueAfterMs).toBe(300_001);
  });

  it('is not held back by a clock that was set back', () => {
    const later = seen(hard, { pods: '1' }, { memory: memory({}, { pods: '1' }, 9e9) });
    const first = memoryAfter(later);
    expect(first.chargedAtMs).toBe(later.nowMs);
    const then = seen(hard, { pods: '1' }, { memory: first, nowMs: later.nowMs + settleMs });
    expect(written(reconcile(then).actions)).toEqual({ pods: '0' });
  });

  it('tells once of names that nothing counts for', () => {
    const observed = seen({ pdos: '1' }, undefined, { uncounted: ['pdos'] });
    const { actions } = reconcile(observed);
    expect(actions.map((action) => action.event?.message ?? '')).toContain(
      'nothing counts for pdos: these bounds bound nothing; check how they are written',
    );
    const told = seen({ pdos: '1' }, {}, { uncounted: ['pdos'] });
    expect(reconcile(told).actions).toEqual([]);
    expect(explain(told)).toMatchObject([{ code: 'nothing-counts' }]);
  });

  it('does nothing for a quota that is being deleted', () => {
    const observed = seen(hard, undefined);
    const subject = { ...observed.subject, metadata: { name: 'quota', deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(reconcile({ ...observed, subject })).toEqual({ actions: [] });
  });
});

describe('why a quota is used up', () => {
  it('names those that use most of it', () => {
    const sizes = { a: '100m', b: '700m', c: '200m' };
    const objects = Object.fromEntries(Object.entries(sizes).map(([uid, cpu]) => [uid, { 'requests.cpu': cpu }]));
    const [cause] = explain(seen({ 'requests.cpu': '1' }, { 'requests.cpu': '1' }, { counted: counted(objects) }));
    expect(cause).toMatchObject({
      code: 'used-up',
      text: 'requests.cpu: 1 of 1 is used, all that is allowed; by pods/b (700m), pods/c (200m), pods/a (100m)',
    });
  });

  it('says what is more than allowed, and what is only reserved', () => {
    const more = seen({ pods: '1' }, { pods: '3' }, { counted: counted({ a: one, b: one }) });
    expect(explain(more).map(({ code }) => code)).toEqual(['exceeded', 'reserved']);
    expect(explain(seen(hard, { pods: '1' }, { counted: counted({ a: one }) }))).toEqual([]);
  });
});
