import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { boundedWhy, whyLimitBytes, type Cause, type PastDecision, type Why } from './index.ts';

const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

function cause(index: number, text = `reason ${index}`): Cause {
  const names = Array.from({ length: 9 }, (_, at) => `node-${at}`);
  return { component: 'scheduler', plugin: 'P', code: `c${index}`, text, nodes: { count: 9, names }, unblock: 'do it' };
}

function decision(index: number): PastDecision {
  const scores = Array.from({ length: 9 }, (_, at) => ({ nodeName: `n${at}`, total: at, scores: { A: 1, B: 2 } }));
  return { time: `2026-01-01T00:00:0${index}Z`, by: 's', outcome: 'bind', text: 'x', scores };
}

const base: Why = {
  object: { group: '', resource: 'pods', namespace: 'a', name: 'b' },
  state: 'Pending',
  summary: 'waits',
  causes: [cause(0)],
  decisions: [],
};

describe('a short answer', () => {
  it('is left as it is, but for lists beyond what anybody reads', () => {
    const [kept] = boundedWhy(base).causes;
    expect(kept).toMatchObject({
      code: 'c0',
      nodes: { count: 9, names: ['node-0', 'node-1', 'node-2', 'node-3', 'node-4'] },
    });
    expect(boundedWhy(base).cut).toBeUndefined();
    expect(boundedWhy({ ...base, causes: [] })).toEqual({ ...base, causes: [] });
  });

  it('tells what was cut', () => {
    const causes = Array.from({ length: 40 }, (_, index) => cause(index));
    const short = boundedWhy({ ...base, causes, decisions: [decision(1)], cut: ['before: 1 more'] });
    expect(short.causes).toHaveLength(24);
    expect(short.causes[0]).toMatchObject({ code: 'c0' });
    expect(short.cut).toEqual([
      'before: 1 more',
      'causes: 16 more',
      'scores of the decision at 2026-01-01T00:00:01Z: 4 more',
    ]);
  });

  it('keeps facts, but for those beyond what anybody reads', () => {
    const facts = Array.from({ length: 40 }, (_, at) => ({ name: `f${at}`, text: 'x'.repeat(2000) }));
    const short = boundedWhy({ ...base, facts });
    expect(short.facts?.[0]?.name).toBe('f0');
    expect(short.cut).toEqual([expect.stringMatching(/^facts: \d+ more$/)]);
    expect(bytes(short)).toBeLessThanOrEqual(whyLimitBytes);
    expect(boundedWhy({ ...base, facts: facts.slice(0, 1) }).facts).toHaveLength(1);
  });

  it('cuts details and says by how much', () => {
    const detail = { pods: Array.from({ length: 30 }, (_, at) => `p${at}`), deep: { a: { b: { c: { d: 1 } } } } };
    const [kept] = boundedWhy({ ...base, causes: [{ ...cause(0), detail }] }).causes;
    expect(kept?.detail).toMatchObject({ pods: expect.arrayContaining(['… 6 more']) });
    expect(JSON.stringify(kept?.detail?.['deep'])).toContain('…');
  });
});

describe('any answer', () => {
  const text = fc.string({ maxLength: 3000, unit: 'grapheme' });
  const score = fc.record({
    nodeName: text,
    total: fc.double(),
    scores: fc.dictionary(text, fc.double(), { maxKeys: 60 }),
  });
  const causes = fc.array(
    fc.record({
      component: text,
      code: text,
      text,
      nodes: fc.record({ count: fc.nat(), names: fc.array(text, { maxLength: 20 }) }),
      detail: fc.dictionary(text, fc.jsonValue()),
    }),
    { minLength: 1, maxLength: 60 },
  );
  const decisions = fc.array(
    fc.record({ time: text, by: text, outcome: text, text, scores: fc.array(score, { maxLength: 10 }) }),
    { maxLength: 20 },
  );

  it('fits, and keeps its root cause', () => {
    fc.assert(
      fc.property(causes, decisions, text, (causes, decisions, summary) => {
        const short = boundedWhy({ ...base, summary, causes, decisions });
        expect(bytes(short)).toBeLessThanOrEqual(whyLimitBytes);
        expect(causes[0]?.code.startsWith(short.causes[0]?.code.slice(0, 100) ?? '?')).toBe(true);
        if (short.causes.length < causes.length) expect(short.cut?.length).toBeGreaterThan(0);
      }),
      { numRuns: 60 },
    );
  });
});
