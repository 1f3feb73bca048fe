import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { equalJson, isJsonObject, valueAtPath, type JsonObject } from '../../json/plain-json.ts';
import type { FieldWriter, ManagedEntry } from '../../managed-fields/entries.ts';
import { difference, intersection, isEmpty, union, type FieldSet } from '../../managed-fields/field-set.ts';
import { fieldsOf } from '../../managed-fields/field-tree.ts';
import { compareObjects, ownable } from '../../managed-fields/object-fields.ts';
import { anyObject, rootNode } from '../../managed-fields/testing/typed-objects.ts';
import { entriesOfUpdate } from '../../managed-fields/update-managers.ts';
import { apply, type Applied } from './apply.ts';
import { mergeTyped } from './merge-typed.ts';

interface State {
  readonly object: JsonObject | undefined;
  readonly entries: readonly ManagedEntry[];
}

const nothing: State = { object: undefined, entries: [] };
const writerOf = (manager: string, operation: 'Apply' | 'Update' = 'Apply'): FieldWriter => ({
  manager,
  operation,
  apiVersion: 'v1',
  subresource: '',
  time: '2026-01-01T00:00:00Z',
});

function applied(state: State, manager: string, config: JsonObject): Applied {
  const { object: live, entries } = state;
  return apply({ live, entries, config, node: rootNode, part: 'whole', writer: writerOf(manager) });
}

function updated({ object = {}, entries }: State, manager: string, after: JsonObject): State {
  const change = { node: rootNode, part: 'whole', writer: writerOf(manager, 'Update') } as const;
  return { object: after, entries: entriesOfUpdate(entries, object, after, change) };
}

const object = (spec: JsonObject): JsonObject => ({ apiVersion: 'v1', kind: 'Root', metadata: { name: 'x' }, spec });
const ownedBy = ({ entries }: State, manager: string): FieldSet =>
  entries.find((entry) => entry.manager === manager)?.fieldsV1 ?? {};
const specOf = ({ object: made }: State): unknown => made?.['spec'];

/** Every object has these, so that an object of nothing else is not empty. */
function sameObject(a: unknown, b: unknown): boolean {
  return equalJson(withoutEmpty(a), withoutEmpty(b));
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([key, member]) => [key, withoutEmpty(member)] as const);
  return Object.fromEntries(
    members.filter(
      ([, member]) => !(typeof member === 'object' && member !== null && Object.keys(member).length === 0),
    ),
  );
}

/** A value without a schema may be a leaf to one and a map to the other, whose members then go without a conflict. */
function sameForm(...configs: readonly JsonObject[]): boolean {
  const values = configs.map((config) => valueAtPath(config, '.spec.any')).filter((value) => value !== undefined);
  return new Set(values.map(isJsonObject)).size <= 1;
}

describe('the laws of apply', () => {
  it('an object is what its first applier sent', () => {
    fc.assert(
      fc.property(anyObject, (config) => {
        const made = applied(nothing, 'a', config);
        expect(made.object).toEqual(config);
        expect(ownedBy(made, 'a')).toEqual(ownable(fieldsOf(config, rootNode)));
      }),
    );
  });

  it('to say the same again changes nothing', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (first, second) => {
        const before = applied(applied(nothing, 'b', first), 'a', second);
        const after = applied(before, 'a', second);
        expect(after.conflicts).toEqual([]);
        expect(after.object).toEqual(before.object);
        expect(after.entries).toEqual(before.entries);
      }),
    );
  });

  it('the applier of a forced apply gets what it says', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (first, second) => {
        const after = applied(applied(nothing, 'b', first), 'a', second);
        const found = compareObjects(
          after.object,
          mergeTyped(after.object, second, rootNode) as JsonObject,
          rootNode,
          'whole',
        );
        expect(found).toBeUndefined();
        expect(ownedBy(after, 'a')).toEqual(ownable(fieldsOf(second, rootNode)));
      }),
    );
  });

  it('appliers of disjoint fields never conflict', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (first, second) => {
        const [a, b] = [ownable(fieldsOf(first, rootNode)), ownable(fieldsOf(second, rootNode))];
        const after = applied(applied(nothing, 'b', first), 'a', second);
        if (sameForm(first, second) && isEmpty(intersection(a, b))) expect(after.conflicts).toEqual([]);
      }),
    );
  });

  it('conflicts are fields of others, and a forced apply takes exactly these from them', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (first, second) => {
        const before = applied(nothing, 'b', first);
        const after = applied(before, 'a', second);
        const taken = after.conflicts.reduce<FieldSet>((set, { fields }) => union(set, fields), {});
        expect(difference(taken, ownedBy(before, 'b'))).toEqual({});
        // What lies in a map that becomes something else goes with it.
        const { removed = {} } = compareObjects(before.object, after.object, rootNode, 'whole') ?? {};
        expect(ownedBy(after, 'b')).toEqual(difference(ownedBy(before, 'b'), union(taken, removed)));
      }),
    );
  });

  it('an applier that leaves everything out takes back what nobody else owns', () => {
    const bare: JsonObject = { apiVersion: 'v1', kind: 'Root', metadata: { name: 'x' } };
    fc.assert(
      fc.property(anyObject, anyObject, (first, second) => {
        const alone = applied(applied(nothing, 'a', first), 'a', bare);
        expect(sameObject(alone.object, bare)).toBe(true);
        expect(ownedBy(alone, 'a')).toEqual({});
        const base = applied(nothing, 'b', first);
        const both = applied(base, 'a', second);
        if (both.conflicts.length > 0 || !sameForm(first, second)) return;
        const left = applied(both, 'a', bare);
        expect(ownedBy(left, 'a')).toEqual({});
        expect(ownedBy(left, 'b')).toEqual(ownedBy(base, 'b'));
        const lost = compareObjects(base.object, left.object, rootNode, 'whole')?.removed ?? {};
        expect(intersection(lost, ownedBy(base, 'b'))).toEqual({});
      }),
    );
  });

  it('an update owns what it changed, and nobody else does', () => {
    fc.assert(
      fc.property(anyObject, anyObject, (first, second) => {
        const before = applied(nothing, 'a', first);
        if (before.entries.length === 0) return;
        const after = updated(before, 'u', second);
        const { added = {}, modified = {}, removed = {} } = compareObjects(first, second, rootNode, 'whole') ?? {};
        expect(ownedBy(after, 'u')).toEqual(union(added, modified));
        const lost = union(union(added, modified), removed);
        expect(ownedBy(after, 'a')).toEqual(difference(ownedBy(before, 'a'), lost));
      }),
    );
  });
});

describe('lists', () => {
  const item = (name: string, rest: JsonObject = {}): JsonObject => ({ name, ...rest });
  const items = (...list: JsonObject[]): JsonObject => object({ items: list });

  it('of items with keys are merged; each applier takes back its own', () => {
    const one = applied(nothing, 'a', items(item('x', { value: 1 }), item('y')));
    const two = applied(one, 'b', items(item('z'), item('x', { tags: ['t'] })));
    expect(specOf(two)).toEqual({ items: [item('z'), item('x', { value: 1, tags: ['t'] }), item('y')] });
    const three = applied(two, 'a', items(item('y')));
    expect(specOf(three)).toEqual({ items: [item('z'), item('x', { tags: ['t'] }), item('y')] });
    expect(specOf(applied(three, 'b', object({})))).toEqual({ items: [item('y')] });
  });

  it('that are sets are merged by their values', () => {
    const tags = (...list: string[]): JsonObject => items(item('x', { tags: list }));
    const two = applied(applied(nothing, 'a', tags('p', 'q')), 'b', tags('q', 'r'));
    expect(specOf(two)).toEqual({ items: [item('x', { tags: ['p', 'q', 'r'] })] });
    expect(specOf(applied(two, 'a', tags()))).toEqual({ items: [item('x', { tags: ['q', 'r'] })] });
  });

  it('and maps that are atomic belong to one', () => {
    const one = applied(nothing, 'a', object({ selector: { a: 'x' } }));
    const two = applied(one, 'b', object({ selector: { b: 'y' } }));
    expect(two.conflicts.map(({ fields }) => fields)).toEqual([{ 'f:spec': { 'f:selector': {} } }]);
    expect(specOf(two)).toEqual({ selector: { b: 'y' } });
  });

  it('keep the order of the applier, with the items of others where they were', () => {
    const live = items(item('a'), item('b'), item('c'), item('d'));
    const order = (...names: string[]): unknown =>
      (
        mergeTyped(live, items(...names.map((name) => item(name))), rootNode) as { spec: { items: JsonObject[] } }
      ).spec.items.map(({ name }) => name);
    expect(order('c', 'a')).toEqual(['b', 'c', 'd', 'a']);
    expect(order('e', 'b')).toEqual(['a', 'e', 'b', 'c', 'd']);
    expect(order('d', 'e')).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(order()).toEqual(['a', 'b', 'c', 'd']);
  });
});

it('what was there before the first apply belongs to one name, which conflicts', () => {
  const live = object({ size: 1, deep: { a: 'x' } });
  const after = applied({ object: live, entries: [] }, 'a', object({ size: 2, deep: { a: 'x' } }));
  expect(after.conflicts.map(({ owner, fields }) => [owner.manager, fields])).toEqual([
    ['before-first-apply', { 'f:spec': { 'f:size': {} } }],
  ]);
  expect(ownedBy(after, 'before-first-apply')).toEqual({ 'f:spec': { 'f:deep': { '.': {}, 'f:a': {} } } });
});
