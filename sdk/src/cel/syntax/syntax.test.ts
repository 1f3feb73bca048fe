import { describe, expect, it } from '@jest/globals';
import { evaluated, expectAll, problems } from '../testing/evaluated.ts';

const bytes = (...octets: number[]): Uint8Array => new Uint8Array(octets);

describe('literals', () => {
  it('are numbers', () => {
    expectAll([
      ['0', 0n],
      ['-9223372036854775808', -(2n ** 63n)],
      ['9223372036854775807', 2n ** 63n - 1n],
      ['0xFF', 255n],
      ['-0x55', -0x55n],
      ['18446744073709551615u', { uint: 2n ** 64n - 1n }],
      ['0x10U', { uint: 16n }],
      ['1.5e3', 1500],
      ['.25', 0.25],
      ['1e-3', 0.001],
      ['--1', 1n],
      ['-(1)', -1n],
    ]);
  });

  it('are texts', () => {
    expectAll([
      [
        `'it''s' == 'x'`,
        "ERROR: <input>:1:5: Syntax error: extraneous input ''s'' expecting <EOF>\n | 'it''s' == 'x'\n | ....^",
      ],
      [`"\\a\\b\\f\\n\\r\\t\\v\\\\\\'\\"\\?\\\`"`, '\x07\b\f\n\r\t\v\\\'"?`'],
      [`'\\x41\\u00e9\\U0001F431\\101'`, 'Aé🐱A'],
      [`r'\\d+\\'`, '\\d+\\'],
      [`R"""a"b\\n"""`, 'a"b\\n'],
      [`'''one\ntwo'''`, 'one\ntwo'],
      [`""""quoted" """`, '"quoted" '],
      [`''`, ''],
      [`'a' // a remark\n + 'b'`, 'ab'],
    ]);
  });

  it('are bytes: escapes are octets, letters UTF-8', () => {
    expectAll([
      [`b'abc'`, bytes(97, 98, 99)],
      [`b'ÿ'`, bytes(0xc3, 0xbf)],
      [`b'\\xff\\377'`, bytes(255, 255)],
      [`br'\\xff'`, bytes(92, 120, 102, 102)],
      [`B"""x"""`, bytes(120)],
    ]);
  });

  it('are lists and maps', () => {
    expectAll([
      ['[]', []],
      ['[1, 2,]', [1n, 2n]],
      ['{}', new Map()],
      [
        `{'a': 1, 'b': 2,}`,
        new Map([
          ['a', 1n],
          ['b', 2n],
        ]),
      ],
      [
        '{1: true, 2: false}',
        new Map([
          [1n, true],
          [2n, false],
        ]),
      ],
      [`{'a': 1, 'a': 2}`, { error: 'Failed with repeated key: a' }],
      ['null', null],
    ]);
  });
});

it('binds operators as the grammar says', () => {
  expectAll([
    ['1 + 2 * 3 - 4 / 2', 5n],
    ['(1 + 2) * 3', 9n],
    ['10 - 3 - 2', 5n],
    ['!true || true', true],
    ['1 < 2 == true', true],
    ['true ? 1 : false ? 2 : 3', 1n],
    ['false || true && false', false],
    ['-2 * -3', 6n],
    ['7 % 3 * 2', 2n],
    ['2 in [1, 2] && 3 in {3: 4}', true],
  ]);
});

it('says what it expected, and where', () => {
  const start =
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
  const cases: [string, string][] = [
    ['1 +', `1:4: Syntax error: mismatched input '<EOF>' expecting ${start}`],
    ['', `1:1: Syntax error: mismatched input '<EOF>' expecting ${start}`],
    ['(1', "1:3: Syntax error: mismatched input '<EOF>' expecting ')'"],
    ['1 2', "1:3: Syntax error: extraneous input '2' expecting <EOF>"],
    ['true ? 1', "1:9: Syntax error: mismatched input '<EOF>' expecting ':'"],
    ['"a\nb"', `1:1: Syntax error: token recognition error at: '"a\nb"'`],
    ['1 == #', "1:6: Syntax error: token recognition error at: '#'"],
    ['for', '1:1: reserved identifier: for'],
    ['true &&\n  while', '2:3: reserved identifier: while'],
    ['9223372036854775808', '1:1: Syntax error: invalid int literal'],
    ['18446744073709551616u', '1:1: Syntax error: invalid uint literal'],
    ['1e999', '1:1: Syntax error: invalid double literal'],
    ["'\\q'", '1:1: Syntax error: unable to unescape string'],
    ["'\\ud800'", '1:1: Syntax error: invalid unicode code point'],
    ["b'\\u0041'", '1:1: Syntax error: unable to unescape string'],
    ["'🐱' + +", `1:7: Syntax error: mismatched input '+' expecting ${start}`],
    ['[1].all(x.y, true)', '1:10: argument must be a simple name'],
    ['has(1)', '1:5: invalid argument to has() macro'],
    ['[1].transformList(i, i, i)', '1:18: duplicate variable name: i'],
  ];
  expect(cases.map(([text]) => [text, ...problems(text)])).toEqual(cases);
});

it('knows names by the words that Kubernetes escapes', () => {
  const environment = { variables: { self: { kind: 'object', name: 'T' } } } as const;
  expect(
    evaluated('self.__namespace__ + self.a__dot__b', { self: { __namespace__: 'x', a__dot__b: 'y' } }, environment),
  ).toBe('xy');
});

describe('bounds', () => {
  it('nesting', () => {
    const nested = (depth: number): string => `${'('.repeat(depth)}1${')'.repeat(depth)}`;
    expect(evaluated(nested(200))).toBe(1n);
    expect(problems(nested(300))).toEqual(['1:251: expression recursion limit exceeded: 250']);
    expect(problems(`${'!-'.repeat(49_000)}1`)[0]).toMatch(/recursion limit exceeded/);
    expect(problems('['.repeat(100_000))[0]).toMatch(/recursion limit exceeded/);
  });

  it('chains', () => {
    const sum = (terms: number): string => Array.from({ length: terms }, () => '1').join('+');
    expect(evaluated(sum(400))).toBe(400n);
    expect(problems(sum(1000))[0]).toMatch(/expression is too deep: more than 500 operations/);
    expect(problems(`a${'.b'.repeat(40_000)}`)[0]).toMatch(/expression is too deep/);
    // These lie side by side.
    expect(evaluated(Array.from({ length: 5000 }, () => 'true').join('&&'))).toBe(true);
  });

  it('length', () => {
    expect(problems(`'${'x'.repeat(100_000)}'`)).toEqual([
      '1:1: expression code point size exceeds limit: size: 100002, limit 100000',
    ]);
  });
});
