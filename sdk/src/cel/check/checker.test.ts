import { describe, expect, it } from '@jest/globals';
import { celProblemsText } from '../problem.ts';
import { compile } from '../program.ts';
import { problems } from '../testing/evaluated.ts';
import {
  boolType,
  doubleType,
  dynType,
  intType,
  listType,
  mapType,
  objectType,
  optionalType,
  stringType,
} from '../types/type.ts';

describe('the checker', () => {
  const environment = {
    variables: {
      i: intType,
      s: stringType,
      b: boolType,
      d: doubleType,
      x: dynType,
      l: listType(intType),
      m: mapType(stringType, intType),
      o: objectType('Thing', { name: stringType, part: objectType('Part', { size: intType }) }),
      opt: optionalType(intType),
    },
  };

  it('speaks as cel-go does', () => {
    const cases: [string, string][] = [
      ['i + s', "1:3: found no matching overload for '_+_' applied to '(int, string)'"],
      ['i == s', "1:3: found no matching overload for '_==_' applied to '(int, string)'"],
      ['1 == 1.0', "1:3: found no matching overload for '_==_' applied to '(int, double)'"],
      ['s.startsWith(1)', "1:13: found no matching overload for 'startsWith' applied to 'string.(int)'"],
      ['size(i)', "1:5: found no matching overload for 'size' applied to '(int)'"],
      ['nope', "1:1: undeclared reference to 'nope' (in container '')"],
      ['nope(1)', "1:5: undeclared reference to 'nope' (in container '')"],
      ['o.nope', "1:2: undefined field 'nope'"],
      ['o.part.nope', "1:7: undefined field 'nope'"],
      ['has(o.nope)', "1:4: undefined field 'nope'"],
      ['i.x', "1:2: type 'int' does not support field selection"],
      ['b ? 1 : s', "1:3: found no matching overload for '_?_:_' applied to '(bool, int, string)'"],
      ['i && b', "1:3: found no matching overload for '_&&_' applied to '(int, bool)'"],
      ['l.all(e, e)', "1:6: found no matching overload for '_&&_' applied to '(bool, int)'"],
      [
        'i.map(e, e)',
        "1:1: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)",
      ],
      ["[1, 'a']", "1:5: expected type 'int' but found 'string'"],
      ["{'a': 1, 2: 2}", "1:10: expected type 'string' but found 'int'"],
      ['m[1]', "1:2: found no matching overload for '_[_]' applied to '(map(string, int), int)'"],
      ['s in m && i in m', "1:13: found no matching overload for '@in' applied to '(int, map(string, int))'"],
      ["s.matches('(')", '1:11: invalid matches argument: error parsing regexp: missing closing ): `(`'],
      ["duration('1x')", '1:10: invalid duration argument: time: invalid duration "1x"'],
      [
        "timestamp('2024-13-01T00:00:00Z')",
        '1:11: invalid timestamp argument: invalid RFC 3339 timestamp "2024-13-01T00:00:00Z"',
      ],
      ['Thing{}', "1:6: undeclared reference to 'Thing' (in container '')"],
      ['{[1]: 2}', '1:2: unsupported map key type: list(int)'],
    ];
    expect(cases.map(([text]) => [text, ...problems(text, environment)])).toEqual(cases);
  });

  it('tells all problems, with the line below each', () => {
    const text = 'nope == 1 &&\n  s == 1';
    const compilation = compile(text, environment);
    expect(compilation.ok ? '' : celProblemsText(text, compilation.problems)).toBe(
      [
        "ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')",
        ' | nope == 1 &&',
        ' | ^',
        "ERROR: <input>:2:5: found no matching overload for '_==_' applied to '(string, int)'",
        ' |   s == 1',
        ' | ....^',
      ].join('\n'),
    );
  });

  it('knows the type of the result', () => {
    const cases: [string, string][] = [
      ['l.map(e, string(e))', 'list'],
      ['x.a.b', 'dyn'],
      ['o.part.size', 'int'],
      ['b ? [] : [1]', 'list'],
      ['opt.orValue(1)', 'int'],
      ['m.all(k, m[k] > 0)', 'bool'],
    ];
    const kinds = cases.map(([text]) => {
      const compilation = compile(text, environment);
      return [text, compilation.ok ? compilation.program.resultType.kind : compilation.problems[0]?.message];
    });
    expect(kinds).toEqual(cases);
    expect(problems('s', { ...environment, results: [boolType] })).toEqual(['1:1: must evaluate to bool']);
    expect(problems('x.a', { ...environment, results: [boolType] })).toEqual(['1:1: must evaluate to bool']);
    expect(problems('x.a == 1', { ...environment, results: [boolType] })).toEqual([]);
    expect(problems('x.a', { ...environment, results: [dynType] })).toEqual([]);
  });
});
