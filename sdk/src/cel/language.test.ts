import { describe, expect, it } from '@jest/globals';
import { expectAll, problems } from './testing/evaluated.ts';
import { intType, objectType } from './types/type.ts';

const error = (message: string): { error: string } => ({ error: message });

it('computes without wrapping around', () => {
  expectAll([
    ['9223372036854775807 + 1', error('integer overflow')],
    ['-9223372036854775808 - 1', error('integer overflow')],
    ['-(-9223372036854775808)', error('integer overflow')],
    ['5000000000 * 5000000000', error('integer overflow')],
    ['-9223372036854775808 / -1', error('integer overflow')],
    ['1u - 2u', error('unsigned integer overflow')],
    ['18446744073709551615u + 1u', error('unsigned integer overflow')],
    ['1 / 0', error('division by zero')],
    ['1u / 0u', error('division by zero')],
    ['1 % 0', error('modulus by zero')],
    ['-7 / 2', -3n],
    ['-7 % 2', -1n],
    ['7u % 4u', { uint: 3n }],
    ['1.0 / 0.0', Number.POSITIVE_INFINITY],
    ['0.1 + 0.2', 0.1 + 0.2],
    ['"a" + "b"', 'ab'],
    [`b'a' + b'b'`, new Uint8Array([97, 98])],
    ['[1] + [2]', [1n, 2n]],
  ]);
});

it('compares numbers of different types, and only equals of one type', () => {
  expectAll([
    ['1 < 1.5', true],
    ['2u > 1', true],
    ['-1 < 0u', true],
    ['9007199254740993 > 9007199254740992.0', true],
    ['dyn(1) == 1u', true],
    ['dyn(1) == 1.0', true],
    ['dyn(9007199254740993) == 9007199254740992.0', false],
    ['dyn(1) == "1"', false],
    ['dyn([1, 2]) == [1.0, 2.0]', true],
    ['dyn({1: 2u}) == {1u: 2}', true],
    ['dyn(null) == 0', false],
    ['0.0 / 0.0 == 0.0 / 0.0', false],
    ['0.0 / 0.0 < 1.0', false],
    ['0.0 / 0.0 >= 1.0', false],
    ['0.0 == -0.0', true],
    ['"a" < "b"', true],
    ['"a" < "aa"', true],
    // Code points: UTF-16 has it the other way around.
    ['"\\uffee" < "\\U0001F431"', true],
    [`b'a' < b'b'`, true],
    ['false < true', true],
  ]);
});

it('lets errors be absorbed by what decides', () => {
  expectAll([
    ['true || 1 / 0 > 1', true],
    ['1 / 0 > 1 || true', true],
    ['false && 1 / 0 > 1', false],
    ['1 / 0 > 1 && false', false],
    ['1 / 0 > 1 || false', error('division by zero')],
    ['true && 1 / 0 > 1', error('division by zero')],
    ['true ? 1 : 1 / 0', 1n],
    ['false ? 1 / 0 : 2', 2n],
    ['1 / 0 > 1 ? 1 : 2', error('division by zero')],
    ['dyn(1) && false', false],
    ['dyn(1) && true', error('no such overload')],
    ['dyn("x") ? 1 : 2', error('no such overload')],
  ]);
});

it('looks into lists and maps', () => {
  expectAll([
    ['[1, 2][1]', 2n],
    ['[1, 2][2]', error('index out of bounds: 2')],
    ['[1, 2][-1]', error('index out of bounds: -1')],
    ['[1, 2][dyn(1.0)]', 2n],
    ['[1, 2][dyn(0.5)]', error('no such overload')],
    [`{'a': 1}['a']`, 1n],
    [`{'a': 1}.a`, 1n],
    [`{'a': 1}.b`, error('no such key: b')],
    [`{'a': 1}['b']`, error('no such key: b')],
    ['{1: 2}[dyn(1u)]', 2n],
    ['{1u: 2}[dyn(1.0)]', 2n],
    [`has({'a': 1}.a)`, true],
    [`has({'a': 1}.b)`, false],
    [`has({'a': {}}.a.b)`, false],
    [`has({'a': {}}.b.c)`, error('no such key: b')],
    ['1 in [1, 2]', true],
    ['dyn(1.0) in [1, 2]', true],
    [`'b' in {'a': 1}`, false],
    ['size([1, 2]) + [1].size()', 3n],
    [`size('é🐱') + size(b'é')`, 4n],
    [`size({'a': 1})`, 1n],
  ]);
});

describe('macros', () => {
  it('ask and change', () => {
    expectAll([
      ['[1, 2].all(x, x > 0)', true],
      ['[].all(x, x > 0)', true],
      ['[1, -2].all(x, x > 0)', false],
      ['[0, 1].all(x, 1 / x > 5)', false],
      ['[0, 1].all(x, 1 / x > 0)', error('division by zero')],
      ['[0, 1].exists(x, 1 / x > 0)', true],
      ['[].exists(x, true)', false],
      ['[0].exists(x, 1 / x > 0)', error('division by zero')],
      ['[1, 2, 3].exists_one(x, x > 2)', true],
      ['[1, 2, 3].existsOne(x, x > 1)', false],
      ['[0, 1].exists_one(x, 1 / x > 0)', error('division by zero')],
      ['[1, 2, 3].filter(x, x % 2 == 1)', [1n, 3n]],
      ['[1, 2].map(x, x * x)', [1n, 4n]],
      ['[1, 2, 3].map(x, x > 1, x * 10)', [20n, 30n]],
      [`{'b': 1, 'a': 2}.map(k, k)`, ['b', 'a']],
      [`{'a': 1}.all(k, k == 'a')`, true],
      ['[[1, 2], [3]].map(x, x.map(x, x + 1))', [[2n, 3n], [4n]]],
      ['[1].map(x, [2].map(y, x + y))', [[3n]]],
      ['dyn(1).all(x, true)', error('no such overload')],
    ]);
  });

  it('have two variables: index or key, and value', () => {
    expectAll([
      ['[5, 6].all(i, v, v == i + 5)', true],
      [`{'a': 1}.exists(k, v, k == 'a' && v == 1)`, true],
      ['[7, 7].existsOne(i, v, i == 0 && v == 7)', true],
      ['[5, 6].transformList(i, v, i * v)', [0n, 6n]],
      ['[5, 6].transformList(i, v, i > 0, v)', [6n]],
      [
        `{'a': 1, 'b': 2}.transformMap(k, v, v + 1)`,
        new Map([
          ['a', 2n],
          ['b', 3n],
        ]),
      ],
      [`{'a': 1, 'b': 2}.transformMap(k, v, k == 'a', v + 1)`, new Map([['a', 2n]])],
      [`{'a': 'x'}.transformMapEntry(k, v, {v: k})`, new Map([['x', 'a']])],
      [`['a', 'a'].transformMapEntry(i, v, {v: i})`, error('Failed with repeated key: a')],
    ]);
  });

  it('bind values to names', () => {
    expectAll([
      ['cel.bind(x, 2 + 3, x * x)', 25n],
      ['cel.bind(x, 1, cel.bind(x, x + 1, x))', 2n],
      ['cel.bind(x, 1 / 0, true || x > 1)', true],
    ]);
  });

  it('hide variables, unless a dot stands before', () => {
    expectAll([['[1].map(x, x + .x)', [11n]]], { x: 10 }, { variables: { x: intType } });
  });
});

it('knows values that may be absent', () => {
  expectAll([
    ['optional.of(1).value()', 1n],
    ['optional.none().hasValue()', false],
    ['optional.none().orValue(2)', 2n],
    ['optional.none().value()', error('optional.none() dereference')],
    ['optional.of(1).orValue(1 / 0)', 1n],
    ['optional.none().or(optional.of(3)).value()', 3n],
    ['optional.ofNonZeroValue(0).hasValue()', false],
    [`optional.ofNonZeroValue('x').value()`, 'x'],
    [`{'a': 1}.?a.value()`, 1n],
    [`{'a': 1}.?b.hasValue()`, false],
    [`{'a': {'b': 1}}.?a.b.orValue(5)`, 1n],
    [`{'a': {'b': 1}}.?x.b.orValue(5)`, 5n],
    [`{'a': 1}[?'b'].orValue(7)`, 7n],
    ['[1, 2][?5].hasValue()', false],
    ['[1, ?optional.none(), ?optional.of(3)]', [1n, 3n]],
    [`{?'a': optional.none(), 'b': 2}`, new Map([['b', 2n]])],
    ['optional.of(2).optMap(x, x * 2).value()', 4n],
    ['optional.none().optMap(x, x * 2).hasValue()', false],
    [`optional.of({'a': 1}).optFlatMap(m, m.?b).hasValue()`, false],
    ['optional.unwrap([optional.of(1), optional.none()])', [1n]],
    ['[optional.of(1), optional.none()].unwrapOpt()', [1n]],
    ['optional.of(1) == optional.of(1)', true],
    ['optional.none() == optional.of(1)', false],
    ['type(optional.none()) == optional_type', true],
  ]);
});

it('names types', () => {
  expectAll([
    ['type(1) == int && type(1u) == uint && type(1.0) == double', true],
    [`type('') == string && type(b'') == bytes && type(true) == bool`, true],
    ['type(null) == null_type && type([]) == list && type({}) == map', true],
    ['type(type(1)) == type', true],
    ['type(duration("1s")) == google.protobuf.Duration', true],
    ['type(timestamp(0)) == google.protobuf.Timestamp', true],
    ['type(1)', { type: 'int' }],
  ]);
});

it('makes messages of the types of the host', () => {
  const types = (name: string): ReturnType<typeof objectType> | undefined =>
    name === 'Object.spec'
      ? objectType('Object.spec', { replicas: intType })
      : name === 'Object'
        ? objectType('Object', { spec: objectType('Object.spec', { replicas: intType }) })
        : undefined;
  const environment = { variables: {}, types };
  expectAll(
    [
      ['Object{spec: Object.spec{replicas: 3}}', { spec: { replicas: 3n } }],
      ['Object{spec: Object.spec{replicas: 3}}.spec.replicas', 3n],
      ['Object{?spec: optional.none()}', {}],
      ['Object{} == Object{}', true],
    ],
    {},
    environment,
  );
  expect(problems('Object{nope: 1}', environment)).toEqual(["1:8: undefined field 'nope'"]);
  expect(problems("Object.spec{replicas: 'x'}", environment)).toEqual([
    "1:13: expected type of field 'replicas' is 'int' but provided type is 'string'",
  ]);
});

it('keeps libraries apart', () => {
  expect(problems("url('http://x/')", { variables: {}, libraries: [] })).toEqual([
    "1:4: undeclared reference to 'url' (in container '')",
  ]);
  expect(problems('cel.bind(x, 1, x)', { variables: {}, libraries: ['strings'] })[0]).toMatch(
    /undeclared reference to 'cel'/,
  );
});
