import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { perCallCostLimit } from '../limits.ts';
import { compiled } from '../testing/evaluated.ts';
import { celTypeOfSchema } from '../types/schema-type.ts';
import { dynType, intType, listType, stringType, type CelType } from '../types/type.ts';
import { estimateCost } from './estimate.ts';

const self = celTypeOfSchema({
  type: 'object',
  properties: {
    n: { type: 'integer' },
    name: { type: 'string', maxLength: 25 },
    items: { type: 'array', maxItems: 10, items: { type: 'string', maxLength: 5 } },
    table: { type: 'object', maxProperties: 4, additionalProperties: { type: 'integer' } },
    rows: {
      type: 'array',
      maxItems: 3,
      items: { type: 'object', properties: { cells: { type: 'array', maxItems: 4, items: { type: 'integer' } } } },
    },
  },
}) as CelType;

const object = {
  n: 5,
  name: 'a'.repeat(25),
  items: Array.from({ length: 10 }, (_, index) => `item${index}`),
  table: { a: 1, b: 2, c: 3, d: 4 },
  rows: [{ cells: [1, 2, 3, 4] }, { cells: [] }, { cells: [5] }],
};

const environment = { variables: { self, d: dynType, s: stringType, l: listType(intType) } };

/** What an evaluation costs, and what is the most it could. */
function costs(expression: string, variables: Record<string, unknown> = { self: object }): readonly [number, number] {
  const program = compiled(expression, environment);
  return [program.evaluate(variables).cost, estimateCost(program).max];
}

describe('costs', () => {
  it('are those of cel-go for what expressions do', () => {
    const cases: [string, number][] = [
      ['true', 0],
      ['self.n', 2],
      ['self.n > 1', 3],
      ['self.n > 1 && self.n < 9', 6],
      ['self.n > 1 || self.n < 9', 3],
      ['has(self.n)', 1],
      ['self.n > 1 ? self.n : 2', 5],
      ['[1, 2]', 0],
      ['[1, self.n]', 12],
      ["{'a': 1}", 0],
      ["{'a': self.n}", 32],
      // 25 letters: 3 for each look at them.
      ["self.name == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'", 5],
      ["self.name + 'aaaaa'", 5],
      ["self.name.startsWith('aaaaaaaaaaa')", 4],
      ["self.name.contains('aaaaaaaaaaa')", 8],
      ["self.name.matches('aaaaaaaaa')", 11],
      ['5 in [1, 2, 3]', 3],
      ['[1, 2, 3].isSorted()', 3],
      // Texts of so few letters are free.
      ['self.items.isSorted()', 2 + 1],
      ["'item3' in self.items", 12],
      ["'a' in self.table", 3],
      // Each round: 3 and the condition; 1 at the end.
      ["self.items.all(i, i != 'x')", 2 + 1 + 10 * (3 + 2)],
      ['self.items.exists(i, false)', 2 + 1 + 10 * 4],
      ['self.items.map(i, i)', 2 + 11 + 10 * (12 + 1)],
      ['self.rows.map(r, r.cells.map(c, c * 2))', 2 + 11 + 3 * (12 + 2 + 11) + 5 * (12 + 2)],
      ["url('https://example.com/').getHost()", 3],
    ];
    expect(cases.map(([text]) => [text, costs(text)[0]])).toEqual(cases);
  });

  it('end an evaluation, whatever would absorb an error', () => {
    const program = compiled('true || d.all(x, d.all(y, true)) || d.all(x, x > 0)', environment);
    const numbers = Array.from({ length: 1000 }, (_, index) => index + 1);
    expect(program.evaluate({ d: numbers }).cost).toBe(0);
    const heavy = compiled('d.all(x, d.all(y, y > 0)) || true', environment).evaluate({ d: numbers });
    expect(heavy).toMatchObject({
      ok: false,
      kind: 'cost',
      message: 'operation cancelled: actual cost limit exceeded',
    });
    expect(heavy.cost).toBeLessThan(perCallCostLimit * 1.01);
    expect(compiled('d.all(x, x > 0)', environment).evaluate({ d: numbers }, { costLimit: 100 })).toMatchObject({
      kind: 'cost',
    });
  });

  it('are no more than the limit allows: what is dear is told before it is done', () => {
    const text = 'x'.repeat(1_000_000);
    expect(compiled('s + s + s', environment).evaluate({ s: text }, { costLimit: 150_000 }).ok).toBe(false);
    expect(compiled("s.matches('(x+x+)+y')", environment).evaluate({ s: text }, { costLimit: 100_000 }).ok).toBe(false);
  });
});

describe('the estimate', () => {
  it('is the cost of the largest values', () => {
    const cases = [
      'self.n > 1',
      "self.items.all(i, i != 'x')",
      'self.rows.all(r, r.cells.all(c, c > 0))',
      'size(self.table) > 1',
    ];
    const found = cases.map((text) => [text, costs(text)[1]]);
    expect(found).toEqual([
      ['self.n > 1', 3],
      // 20 letters at most, as bytes, of which the shorter text has one.
      ["self.items.all(i, i != 'x')", 2 + 1 + 10 * (3 + 2)],
      ['self.rows.all(r, r.cells.all(c, c > 0))', 2 + 1 + 3 * (3 + 2 + 1 + 4 * (3 + 2))],
      ['size(self.table) > 1', 4],
    ]);
  });

  it('knows the elements of lists that expressions make', () => {
    // 20 letters and 1: 3 to look at them.
    expect(costs("self.items.map(i, i + 'x').all(j, j.contains('y'))")[1]).toBe(
      2 + 11 + 10 * (12 + 1 + 3) + 1 + 10 * (3 + 1 + 3),
    );
    expect(costs("[self.name, 'b'][0].contains('y')")[1]).toBe(10 + 2 + 1 + 10);
    expect(costs("self.name.split(',').all(x, x.contains('y'))")[1]).toBe(2 + 20 + 1 + 101 * (3 + 1 + 10));
  });

  it('takes sizes that are stated', () => {
    const program = compiled('d.items.all(i, i.contains(s)) && d.m.all(k, k == s)', environment);
    expect(estimateCost(program).max).toBeGreaterThan(1e12);
    const sizes = { 'd.items': 10, 'd.items.@items': 20, s: 30, 'd.m': 2, 'd.m.@items': 10 };
    expect(estimateCost(program, sizes)).toEqual({ min: 3, max: 3 + 10 * (3 + 2 + 6) + 3 + 2 * (3 + 3) });
  });

  it('shows bombs', () => {
    const bomb = 'self.items.all(a, self.items.all(b, self.items.all(c, self.items.all(d, self.items.all(e, true)))))';
    expect(costs(bomb)[1]).toBeGreaterThan(300_000);
    const unbounded = compiled('l.all(a, l.all(b, l.all(c, true)))', environment);
    expect(estimateCost(unbounded).max).toBe(1e15);
  });

  it('is never less than what an evaluation costs', () => {
    const parts = [
      'self.n > 1',
      "self.name.startsWith('aa')",
      "self.name + 'x' == self.name",
      "self.items.exists(i, i.matches('^i'))",
      "self.items.map(i, i + '!').exists(j, j == 'item3!')",
      'self.items.filter(i, size(i) > 2).all(i, i in self.items)',
      'self.table.exists_one(k, self.table[k] == 2)',
      'self.rows.exists(r, r.cells.exists(c, c == self.n))',
      "self.items.join(',').split(',').size() == 10",
      'cel.bind(x, self.items, x.all(i, i in x))',
      'self.table.transformList(k, v, v + 1).sum() > 5',
      'optional.of(self.name).optMap(x, x + x).hasValue()',
      'sets.contains(self.items, self.items)',
      "self.items.map(i, i.find('[0-9]')).isSorted()",
      "(self.items + ['x', self.name]).all(i, !i.contains('ab'))",
      "[self.name, 'b'].join(self.name).contains('q')",
      "self.items.map(i, i + self.name)[0].startsWith('a')",
      "self.name.split('a').all(x, x.matches('a*'))",
      "self.items.filter(i, i > 'a').isSorted()",
      '(self.n > 1 ? self.items : [self.name]).exists(i, i == self.name)',
      "cel.bind(l, [self.name, 'aaaaaaaaaaaaaaaa'], l.indexOf('x') > 0 || l.map(a, a + a).isSorted())",
      "self.name.replace('a', self.name).contains('b')",
      'self.items.transformList(i, v, v + v).join(self.name).size() > 5',
    ];
    const expression = fc
      .tuple(
        fc.array(fc.tuple(fc.constantFrom(...parts), fc.boolean()), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('&&', '||'),
      )
      .map(([terms, operator]) => terms.map(([term, not]) => (not ? `!(${term})` : `(${term})`)).join(` ${operator} `));
    const value = fc.record({
      n: fc.integer(),
      name: fc.string({ maxLength: 25 }),
      items: fc.array(fc.string({ maxLength: 5 }), { maxLength: 10 }),
      table: fc.dictionary(fc.string({ maxLength: 5 }), fc.integer({ min: -9, max: 9 }), { maxKeys: 4 }),
      rows: fc.array(fc.record({ cells: fc.array(fc.integer(), { maxLength: 4 }) }), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(expression, value, (text, given) => {
        const [actual, most] = costs(text, { self: given });
        expect(actual).toBeLessThanOrEqual(most);
      }),
    );
  });
});
