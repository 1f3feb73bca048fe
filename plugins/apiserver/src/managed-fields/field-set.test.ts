import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { difference, emptySet, intersection, membersOf, sameSet, union, type FieldSet } from './field-set.ts';
import { parseFieldsV1 } from './fields-v1.ts';
import { canonicalElement, formatPath } from './path-element.ts';

const element = fc.constantFrom(
  'f:a',
  'f:b',
  'f:__proto__',
  'k:{"name":"x"}',
  'k:{"name":"y","p":1}',
  'v:"z"',
  'v:3',
  'i:0',
);
const path = fc.array(element, { minLength: 1, maxLength: 4 });
const paths = fc.array(path, { maxLength: 8 });
/** The set with one path more. */
const withPath = (set: FieldSet, path: readonly string[]): FieldSet =>
  union(
    set,
    path.toReversed().reduce<FieldSet>((node, element) => ({ [element]: node }), emptySet),
  );
const setOf = (list: readonly (readonly string[])[]): FieldSet => list.reduce<FieldSet>(withPath, {});
const anySet = paths.map(setOf);
const keysOf = (set: FieldSet): string[] =>
  membersOf(set)
    .map((members) => JSON.stringify(members))
    .sort();

describe('sets of fields', () => {
  it('hold the paths that were put in', () => {
    fc.assert(
      fc.property(paths, (list) => {
        expect(keysOf(setOf(list))).toEqual([...new Set(list.map((item) => JSON.stringify(item)))].sort());
      }),
    );
  });

  it('are united, cut and subtracted as sets of paths are', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const [left, right] = [keysOf(a), keysOf(b)];
        expect(keysOf(union(a, b))).toEqual([...new Set([...left, ...right])].sort());
        expect(keysOf(intersection(a, b))).toEqual(left.filter((key) => right.includes(key)));
        expect(keysOf(difference(a, b))).toEqual(left.filter((key) => !right.includes(key)));
        expect(sameSet(a, b)).toBe(JSON.stringify(left) === JSON.stringify(right));
      }),
    );
  });

  it('stay the same object when nothing changes', () => {
    fc.assert(
      fc.property(anySet, (set) => {
        expect(union(set, set)).toBe(set);
        expect(union(set, structuredClone(set))).toBe(set);
        expect(difference(set, { 'f:elsewhere': {} })).toBe(set);
        expect(difference(set, {})).toBe(set);
      }),
    );
  });

  it('are on the wire what they are', () => {
    fc.assert(
      fc.property(anySet, (set) => {
        expect(parseFieldsV1(JSON.parse(JSON.stringify(set)))).toEqual(set);
      }),
    );
  });
});

describe('FieldsV1 of a client', () => {
  it('gets the one spelling that it has here', () => {
    expect(parseFieldsV1({ 'k:{"b":1, "a":"x"}': { '.': {} }, 'v:{"z":1,"y":2}': {} })).toEqual({
      'k:{"a":"x","b":1}': {},
      'v:{"y":2,"z":1}': {},
    });
  });

  it('is refused when it is none', () => {
    const bad = [5, null, [], { a: {} }, { 'f:a': 1 }, { 'k:{}': {} }, { 'k:[1]': {} }, { 'i:x': {} }, { 'v:{': {} }];
    for (const value of [...bad, { '.': { 'f:a': {} } }]) expect(parseFieldsV1(value)).toBeUndefined();
    fc.assert(fc.property(fc.json(), (text) => void parseFieldsV1(JSON.parse(text))));
    fc.assert(fc.property(fc.string(), (text) => void canonicalElement(text)));
  });
});

it('writes paths as messages have them', () => {
  const found = formatPath(['f:spec', 'k:{"name":"a","port":80}', 'f:x', 'v:"y"', 'i:2']);
  expect(found).toBe('.spec[name="a",port=80].x[="y"][2]');
});
