import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { equalJson, type JsonObject } from '../json/plain-json.ts';
import { compareValues, gainedIn, type Difference } from './compare.ts';
import { createdFields } from './created-fields.ts';
import { union } from './field-set.ts';
import { fieldsOf } from './field-tree.ts';
import { compareObjects, ownable, skeletonOf } from './object-fields.ts';
import { anyObject, rootNode } from './testing/typed-objects.ts';

const compared = (before: JsonObject, after: JsonObject): Difference | undefined =>
  compareValues({ spec: before }, { spec: after }, rootNode);
const item = (name: string, rest: JsonObject = {}): JsonObject => ({ name, ...rest });

describe('a comparison', () => {
  it.each<[string, JsonObject, JsonObject, Difference]>([
    ['a leaf', { size: 1 }, { size: 2 }, { modified: { 'f:size': {} } }],
    ['a field that came', {}, { size: 2 }, { added: { 'f:size': {} } }],
    ['a struct that came', {}, { deep: { a: 'x' } }, { added: { 'f:deep': { '.': {}, 'f:a': {} } } }],
    ['a struct that went', { deep: { a: 'x' } }, {}, { removed: { 'f:deep': { '.': {}, 'f:a': {} } } }],
    ['an atomic map', { selector: { a: 'b' } }, { selector: { a: 'c' } }, { modified: { 'f:selector': {} } }],
    [
      'a changed item',
      { items: [item('a', { value: 1 }), item('b')] },
      { items: [item('b'), item('a', { value: 2 })] },
      { modified: { 'f:items': { 'k:{"name":"a"}': { 'f:value': {} } } } },
    ],
    [
      'an item that came',
      { items: [] },
      { items: [item('a')] },
      { added: { 'f:items': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} } } } },
    ],
    [
      'a value in a set',
      { items: [item('a', { tags: ['x', 'y'] })] },
      { items: [item('a', { tags: ['y', 'z'] })] },
      {
        added: { 'f:items': { 'k:{"name":"a"}': { 'f:tags': { 'v:"z"': {} } } } },
        removed: { 'f:items': { 'k:{"name":"a"}': { 'f:tags': { 'v:"x"': {} } } } },
      },
    ],
    [
      'an atomic list',
      { items: [item('a', { args: ['x'] })] },
      { items: [item('a', { args: ['x', 'y'] })] },
      { modified: { 'f:items': { 'k:{"name":"a"}': { 'f:args': {} } } } },
    ],
    [
      'a key with its default',
      { ports: [{ port: 1 }] },
      { ports: [{ port: 1, protocol: 'TCP' }] },
      { added: { 'f:ports': { 'k:{"port":1,"protocol":"TCP"}': { 'f:protocol': {} } } } },
    ],
    [
      'items that come twice',
      { items: [item('a')] },
      { items: [item('a'), item('a')] },
      {
        added: { 'f:items': { 'k:{"name":"a"}': {} } },
        removed: { 'f:items': { 'k:{"name":"a"}': { 'f:name': {} } } },
      },
    ],
    [
      'another form',
      { any: 'x' },
      { any: { y: 'z' } },
      { modified: { 'f:any': {} }, added: { 'f:any': { 'f:y': {} } } },
    ],
  ])('finds %s', (_name, before, after, expected) => {
    const under = Object.fromEntries(
      Object.entries(expected).map(([sort, set]) => [sort, { 'f:spec': set as unknown }]),
    );
    expect(compared(before, after)).toEqual(under);
  });

  it('finds nothing in equals, and something in all others but in the order of lists that have none', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (a, b) => {
        expect(compareObjects(a, structuredClone(a), rootNode, 'whole')).toBeUndefined();
        if (compareObjects(a, b, rootNode, 'whole') !== undefined) expect(equalJson(a, b)).toBe(false);
      }),
    );
  });

  it('is the opposite the other way round', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (a, b) => {
        const there = compareObjects(a, b, rootNode, 'whole') ?? {};
        const back = compareObjects(b, a, rootNode, 'whole') ?? {};
        expect(there.added ?? {}).toEqual(back.removed ?? {});
        expect(there.removed ?? {}).toEqual(back.added ?? {});
        expect(there.modified ?? {}).toEqual(back.modified ?? {});
      }),
    );
  });
});

describe('the fields of a new object', () => {
  it('are what the comparison with its skeleton finds', () => {
    fc.assert(
      fc.property(anyObject, (object) => {
        const found = compareObjects(skeletonOf(rootNode), object, rootNode, 'main') ?? {};
        expect(createdFields(object, rootNode, 'main')).toEqual(gainedIn(found));
      }),
    );
  });

  it('are at least those that an applier of it has', () => {
    fc.assert(
      fc.property(anyObject, (object) => {
        const created = createdFields(object, rootNode, 'whole');
        const applied = ownable(fieldsOf(object, rootNode));
        // Empty structs of the skeleton are there before.
        const skeleton = ['f:spec', 'f:metadata', 'f:status'];
        const rest = Object.fromEntries(Object.entries(applied).filter(([, below]) => Object.keys(below).length > 0));
        expect(union(created, rest)).toEqual(created);
        expect(Object.keys(applied).every((key) => skeleton.includes(key))).toBe(true);
      }),
    );
  });
});
