/** Whoever may write an expression, or the values it sees, can neither crash nor stall what evaluates it. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { estimateCost } from './cost/estimate.ts';
import { compile } from './program.ts';
import { compiled, plain } from './testing/evaluated.ts';
import { dynType, intType, listType, mapType, stringType, type CelType } from './types/type.ts';
import { celTypeOfSchema, type CelSchema } from './types/schema-type.ts';
import { celToJson } from './values/to-json.ts';

const environment = {
  variables: { d: dynType, s: stringType, i: intType, l: listType(intType), m: mapType(stringType, dynType) },
};

const words = [
  ...'d s i l m x y 1 0 2u 1.5 true false null "a" b"b" r"\\d" -1 9223372036854775807'.split(' '),
  ...'( ) [ ] { } , . ? : + - * / % ! == != < <= > >= && || in .?'.split(' '),
  ...'[1,2] {"a":1} d.a d.b[0] size( string( int( has( type( dyn( duration("1s") timestamp(0)'.split(' '),
  ...'.all(x, .exists(x, .exists_one(x, .map(x, .filter(x, .transformList(x,y, .transformMap(x,y, cel.bind(x,'.split(
    ' ',
  ),
  ...'.matches("a+") .contains( .startsWith( .split( .join( .replace( .format([ .substring(1) .charAt(0) .indexOf('.split(
    ' ',
  ),
  ...'optional.of( optional.none() .orValue( .optMap(x, .hasValue() .sum() .max() .isSorted() sets.contains( math.greatest('.split(
    ' ',
  ),
  ...'quantity( ip( cidr( url( semver( .find( .findAll( .getHours() .trim() .reverse() .flatten() .sort() .value()'.split(
    ' ',
  ),
];

const soup = fc.array(fc.constantFrom(...words), { maxLength: 30 }).map((parts) => parts.join(' '));

/** Expressions that mostly compile: values and what is done to them. */
const sensible = fc.letrec((tie) => ({
  leaf: fc.constantFrom(
    'd',
    's',
    'i',
    'l',
    'm',
    '1',
    '-1',
    '2u',
    '1.5',
    'true',
    'null',
    '"a"',
    'b"b"',
    '[1, 2]',
    'dyn([])',
    '{"a": 1}',
    'd.a',
    'm.x',
    'timestamp(0)',
    'optional.of(1)',
    'type(1)',
    'ip("::1")',
    'dyn("1h")',
  ),
  value: fc.oneof({ maxDepth: 4 }, tie('leaf'), tie('binary'), tie('unary'), tie('macro'), tie('choice')),
  binary: fc
    .tuple(
      tie('value'),
      fc.constantFrom('+', '-', '*', '/', '%', '==', '!=', '<', '>=', '&&', '||', 'in'),
      tie('value'),
    )
    .map(([a, op, b]) => `(dyn(${String(a)}) ${op} dyn(${String(b)}))`),
  unary: fc
    .tuple(
      tie('value'),
      fc.constantFrom(
        'dyn(#).a',
        'dyn(#)[0]',
        'dyn(#)[?"a"]',
        'string(dyn(#))',
        'int(dyn(#))',
        'size(dyn(#))',
        '!dyn(#)',
        '-dyn(#)',
        'type(#)',
        'duration(dyn(#))',
        'timestamp(dyn(#))',
        'dyn(#).split(",")',
        'dyn(#).matches(dyn(#))',
        '"%s %d".format([#, #])',
        'dyn(#).sum()',
        'dyn(#).isSorted()',
        'optional.ofNonZeroValue(#)',
        'dyn(#).value()',
        'math.greatest(dyn(#), 1)',
        'quantity(dyn(#))',
        'dyn(#).replace("a", dyn(#))',
        'bytes(dyn(#))',
        'dyn(#).getHours(dyn(#))',
        '[#, #].distinct()',
        'dyn(#).flatten(3)',
      ),
    )
    .map(([a, shape]) => shape.replaceAll('#', () => String(a))),
  macro: fc
    .tuple(
      tie('value'),
      fc.constantFrom(
        'dyn(#).map(x, x)',
        'dyn(#).all(x, dyn(x))',
        'dyn(#).exists(x, x == 1)',
        'dyn(#).filter(x, true)',
        'dyn(#).transformMap(k, v, v)',
        'cel.bind(x, #, [x, x])',
        'dyn(#).exists_one(x, dyn(x) > 1)',
        'has(dyn(#).a)',
        'dyn(#).optMap(x, x)',
      ),
    )
    .map(([a, shape]) => shape.replaceAll('#', () => String(a))),
  choice: fc
    .tuple(tie('value'), tie('value'), tie('value'))
    .map(([a, b, c]) => `(dyn(${String(a)}) ? dyn(${String(b)}) : dyn(${String(c)}))`),
}));

const values = fc.record({
  d: fc.jsonValue({ maxDepth: 4 }),
  s: fc.string({ unit: 'binary' }),
  i: fc.oneof(fc.integer(), fc.double()),
  l: fc.array(fc.oneof(fc.integer(), fc.string())),
  m: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
});

const costLimit = 20_000;

function survives(text: string, variables: Readonly<Record<string, unknown>>): void {
  const compilation = compile(text, environment);
  if (!compilation.ok) {
    expect(compilation.problems.length).toBeGreaterThan(0);
    return;
  }
  const outcome = compilation.program.evaluate(variables, { costLimit });
  const most = estimateCost(compilation.program);
  expect(Number.isFinite(most.max) && most.min <= most.max).toBe(true);
  if (outcome.ok) {
    expect(outcome.cost).toBeLessThanOrEqual(costLimit);
    plain(outcome.value);
    celToJson(outcome.value);
  } else expect(outcome.message).not.toMatch(/internal error/);
}

describe('any text', () => {
  it('is compiled or refused', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), values, survives), { numRuns: 500 });
  });

  it('made of the words of the language', () => {
    fc.assert(fc.property(soup, values, survives), { numRuns: 2000 });
  });

  it('that makes sense', () => {
    fc.assert(fc.property(sensible['value'] as fc.Arbitrary<string>, values, survives), { numRuns: 2000 });
  });
});

/** Nests `wrap` around an expression. */
function nest(times: number, inner: string, wrap: (inner: string, level: number) => string): string {
  let text = inner;
  for (let level = times; level > 0; level -= 1) text = wrap(text, level);
  return text;
}

/** x0 doubled again and again by `how`. */
const doubled = (first: string, times: number, how: (name: string) => string, use: string): string =>
  `cel.bind(x0, ${first}, ${nest(times, use.replaceAll('#', `x${times}`), (inner, level) => `cel.bind(x${level}, ${how(`x${level - 1}`)}, ${inner})`)})`;

it('null where the schema allows it is no text, list or time', () => {
  const nullable = (schema: CelSchema): CelSchema => ({ ...schema, nullable: true });
  const self = celTypeOfSchema({
    type: 'object',
    properties: {
      s: nullable({ type: 'string' }),
      n: nullable({ type: 'integer' }),
      t: nullable({ type: 'string', format: 'date-time' }),
      w: nullable({ type: 'string', format: 'duration' }),
      l: nullable({ type: 'array', items: nullable({ type: 'string' }) }),
      m: nullable({ type: 'object', additionalProperties: nullable({ type: 'integer' }) }),
      o: nullable({ type: 'object', properties: { x: nullable({ type: 'integer' }) } }),
    },
  }) as CelType;
  const texts = [
    'self.s',
    '(i > 0 ? self.s : "x")',
    '["x", self.s][1]',
    'cel.bind(a, self.s, a)',
    'optional.of(self.s).value()',
  ];
  const cases = [
    ...texts.flatMap((text) => [
      `${text}.startsWith("a")`,
      `${text} + "a"`,
      `size(${text})`,
      `${text}.split(",")`,
      `quantity(${text})`,
    ]),
    'self.t.getHours()',
    '(i > 0 ? null : timestamp(0)).getHours()',
    '[timestamp(0), self.t][1].getHours()',
    'self.w.getHours()',
    'self.n + 1',
    'self.n > 1',
    '-self.n',
    'self.l.join()',
    'self.l.all(x, true)',
    'self.l[0]',
    'self.m.x',
    'self.o.x',
    'self.l.sum()',
    '"a" in self.m',
  ];
  const values = { self: { s: null, n: null, t: null, w: null, l: null, m: null, o: null }, i: 1 };
  const found = cases.map((text) => {
    const compilation = compile(text, { variables: { self, i: intType } });
    const outcome = compilation.ok ? compilation.program.evaluate(values) : undefined;
    return [text, outcome?.ok === false ? outcome.message : (outcome ?? 'not compiled')];
  });
  const expected = cases.map((text) => [text, text === 'self.l.sum()' ? 'not compiled' : 'no such overload']);
  expect(found).toEqual(expected);
});

describe('a bomb', () => {
  const ends = (text: string, variables: Readonly<Record<string, unknown>> = {}): void => {
    const outcome = compiled(text, environment).evaluate(variables);
    expect([text.slice(0, 60), outcome.ok ? 'went off' : outcome.kind]).toEqual([text.slice(0, 60), 'cost']);
  };

  it.each([
    ['of loops', nest(20, 'true', (inner, level) => `[1, 2, 3, 4, 5].all(x${level}, ${inner})`)],
    ['of texts', doubled('"aaaaaaaa"', 60, (name) => `${name} + ${name}`, 'size(#)')],
    ['of lists', doubled('[1, 2]', 60, (name) => `${name} + ${name}`, 'size(#)')],
    ['of equal trees', doubled('[1]', 60, (name) => `[${name}, ${name}]`, '# == #')],
    ['of trees that are written', doubled('[1]', 60, (name) => `[${name}, ${name}]`, '"%s".format([#])')],
    ['of trees made flat', doubled('[1]', 60, (name) => `[${name}, ${name}]`, 'dyn(#).flatten(100)')],
    ['of replacements', doubled('"aaaaaaaaaa"', 30, (name) => `${name}.replace("a", ${name})`, 'size(#)')],
    [
      'of joined texts',
      doubled('["aaaaaaaaaaaa"]', 30, (name) => `[${name}.join(), ${name}.join(), ${name}.join()]`, 'size(#)'),
    ],
    ['of ranges', 'lists.range(9223372036854775807).size()'],
    ['of bytes', doubled('b"aaaaaaaa"', 60, (name) => `${name} + ${name}`, 'size(#)')],
  ])('%s ends', (_name, text) => ends(text));

  it('of data ends: long texts and maps that loops look at again and again', () => {
    const large = { d: 'é'.repeat(2_000_000), l: Array.from({ length: 100_000 }, (_, index) => index) };
    ends('l.all(x, d.charAt(0) == "é")', large);
    ends('l.all(x, size(d) > 0)', large);
    ends('size(s.replace("a", s)) > 0', { s: 'a'.repeat(10_000) });
    ends('s.indexOf(s.substring(1) + "b")', { s: 'a'.repeat(100_000) });
    ends('l.all(x, size("%x".format([d])) > 0)', large);
    ends('cel.bind(u, url(s), l.all(x, size(u.getEscapedPath() + string(x)) > 0))', {
      ...large,
      s: `https://x/${'é'.repeat(60_000)}`,
    });
    ends('l.all(x, timestamp(x).getHours("Europe/" + string(x)) >= 0 || true)', large);
    ends(`l.all(x, ${Array.from({ length: 14_000 }, () => 'true').join('&&')})`, large);
    const m = Object.fromEntries(large.l.map((index) => [`key${index}`, index]));
    ends('l.all(x, m.all(k, k != ""))', { ...large, m });
    ends('l.all(x, m.map(k, k).exists(k, false)) ', { ...large, m });
  });

  it('of a pattern costs what its length says', () => {
    const text = 'a'.repeat(100_000);
    const outcome = compiled("s.matches('^(a+)+(a|aa)*(a|b|c|d)*[ab]*a$|b')", environment).evaluate({ s: `${text}!` });
    expect(outcome).toMatchObject({ ok: true, value: false });
    ends("l.all(x, !s.matches('(a|b)*a(a|b){900}$'))", { s: text, l: Array.from({ length: 1000 }, () => 1) });
    const numbers = { s: 'x', l: Array.from({ length: 10_000 }, (_, index) => index) };
    ends("l.exists(x, s.matches('((a|b|ab|ba){1,20}){1,20}' + string(x)))", numbers);
    ends("size(s.findAll('a(.*b)?')) > 0", { s: text });
    ends("l.all(x, !s.matches('((a|b)*a(a|b){12}){3}!!'))", { s: text, l: Array.from({ length: 1000 }, () => 1) });
  });

  it('of deep data is told', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level += 1) deep = [deep];
    expect(compiled('d == [d]', environment).evaluate({ d: deep })).toMatchObject({
      ok: false,
      message: 'values nest too deeply to be compared',
    });
    expect(compiled('"%s".format([d])', environment).evaluate({ d: deep })).toMatchObject({ ok: false, kind: 'error' });
    expect(compiled('d.flatten(1000000)', environment).evaluate({ d: deep })).toMatchObject({
      ok: false,
      kind: 'error',
    });
  });

  it('of types does not grow', () => {
    const text = doubled('1', 100, (name) => `{${name}: ${name}}`, '#');
    expect(compile(text, environment)).toMatchObject({ ok: false });
    expect(compile('cel.bind(x, [], x + [x])', environment)).toMatchObject({ ok: false });
    const many = `[${Array.from({ length: 9000 }, () => '[1] == []').join(',')}].size() == 9000`;
    expect(compile(many, environment).ok).toBe(true);
  });
});

it('ends when it is told to', () => {
  let asked = 0;
  const interrupted = (): boolean => {
    asked += 1;
    return asked > 3;
  };
  const l = Array.from({ length: 100_000 }, (_, index) => index);
  const outcome = compiled('l.all(x, x >= 0)', environment).evaluate({ l }, { interrupted });
  expect(outcome).toMatchObject({ ok: false, kind: 'cost', message: 'operation interrupted' });
  expect(asked).toBe(4);
});

it('takes what a host throws for an error', () => {
  const variables = {
    get d(): unknown {
      throw new Error('no such thing');
    },
  };
  expect(compiled('d', environment).evaluate(variables)).toMatchObject({
    ok: false,
    kind: 'error',
    message: 'internal error: Error: no such thing',
  });
});
