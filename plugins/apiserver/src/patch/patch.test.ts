import { describe, expect, it } from '@jest/globals';
import { SchemaNode } from '../kinds/schema-node.ts';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { strategicMerge } from './strategic-merge.ts';

const schemas = {
  Item: {
    type: 'object',
    properties: {
      name: { type: 'string' },
      value: { type: 'string' },
      tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-patch-strategy': 'merge' },
    },
  },
  Root: {
    type: 'object',
    properties: {
      items: {
        type: 'array',
        items: { $ref: '#/components/schemas/Item' },
        'x-kubernetes-patch-strategy': 'merge',
        'x-kubernetes-patch-merge-key': 'name',
      },
      finalizers: { type: 'array', items: { type: 'string' }, 'x-kubernetes-patch-strategy': 'merge' },
      args: { type: 'array', items: { type: 'string' } },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      strategy: { allOf: [{ $ref: '#/components/schemas/Item' }], 'x-kubernetes-patch-strategy': 'retainKeys' },
    },
  },
};
const root = new SchemaNode({ $ref: '#/components/schemas/Root' }, schemas);

type Json = Record<string, unknown>;
const merged = (target: Json, patch: Json): Json => strategicMerge(structuredClone(target), patch, root);

describe('strategic merge patch', () => {
  it('takes one pass over lists of very many items', () => {
    const count = 40_000;
    const items = Array.from({ length: count }, (_, index) => ({ name: `n${index}`, value: 'old' }));
    const finalizers = items.map(({ name }) => name);
    const began = process.cpuUsage();
    const result = merged(
      { items, finalizers },
      {
        items: items.map(({ name }, index) => (index % 2 === 0 ? { name, value: 'new' } : { name, $patch: 'delete' })),
        finalizers: finalizers.map((name) => `${name}-new`),
        '$deleteFromPrimitiveList/finalizers': finalizers,
      },
    );
    const { user } = process.cpuUsage(began);
    expect(result['items']).toHaveLength(count / 2);
    expect(result['finalizers']).toHaveLength(count);
    expect(user / 1e6).toBeLessThan(5);
  });

  const items = [
    { name: 'a', value: '1' },
    { name: 'b', value: '2', tags: ['x'] },
  ];

  it('merges items by key, new ones first, untouched ones in their order', () => {
    expect(merged({ items }, { items: [{ name: 'b', value: '3', tags: ['y'] }, { name: 'c' }] })).toEqual({
      items: [{ name: 'a', value: '1' }, { name: 'b', value: '3', tags: ['y', 'x'] }, { name: 'c' }],
    });
    expect((merged({ items }, { items: [{ name: 'c' }] })['items'] as Json[]).map((item) => item['name'])).toEqual([
      'c',
      'a',
      'b',
    ]);
  });

  it('deletes items, and replaces whole lists and objects', () => {
    expect(merged({ items }, { items: [{ name: 'a', $patch: 'delete' }] })).toEqual({ items: [items[1]] });
    expect(merged({ items }, { items: [{ $patch: 'replace' }, { name: 'z' }] })).toEqual({ items: [{ name: 'z' }] });
    expect(merged({ labels: { a: '1' } }, { labels: { $patch: 'replace', b: '2' } })).toEqual({ labels: { b: '2' } });
    expect(merged({ labels: { a: '1' } }, { labels: { $patch: 'delete' } })).toEqual({ labels: {} });
  });

  it('replaces lists without a strategy and deletes on null', () => {
    expect(merged({ args: ['1', '2'], labels: { a: '1' } }, { args: ['3'], labels: { a: null } })).toEqual({
      args: ['3'],
      labels: {},
    });
  });

  it('obeys $setElementOrder, $deleteFromPrimitiveList and $retainKeys', () => {
    const order = { '$setElementOrder/items': [{ name: 'b' }, { name: 'c' }, { name: 'a' }], items: [{ name: 'c' }] };
    expect((merged({ items }, order)['items'] as Json[]).map((item) => item['name'])).toEqual(['b', 'c', 'a']);
    const patch = {
      '$deleteFromPrimitiveList/finalizers': ['x'],
      '$setElementOrder/finalizers': ['z', 'y'],
      finalizers: ['z'],
    };
    expect(merged({ finalizers: ['x', 'y'] }, patch)).toEqual({ finalizers: ['z', 'y'] });
    expect(merged({ strategy: { name: 'n', value: 'v' } }, { strategy: { $retainKeys: ['name'], name: 'm' } })).toEqual(
      { strategy: { name: 'm' } },
    );
  });

  it('leaves no directive behind in what is new', () => {
    expect(
      merged({}, { items: [{ name: 'a', $patch: 'delete' }, { name: 'b' }], labels: { $patch: 'merge', a: '1' } }),
    ).toEqual({
      items: [{ name: 'b' }],
      labels: { a: '1' },
    });
  });

  it('refuses malformed patches', () => {
    expect(() => merged({ items }, { items: [{ value: 'no key' }] })).toThrow(
      'does not contain declared merge key: name',
    );
    expect(() => merged({ items }, { items: ['text'] })).toThrow('must be objects');
    expect(() => merged({}, { $patch: 'odd' })).toThrow('Unknown patch type');
    expect(() => merged({}, { '$setElementOrder/items': 'x' })).toThrow('must be an array');
  });
});

describe('JSON merge patch', () => {
  it('follows the examples of RFC 7396', () => {
    expect(mergePatch({ a: 'b' }, { a: 'c' })).toEqual({ a: 'c' });
    expect(mergePatch({ a: 'b', b: 'c' }, { a: null })).toEqual({ b: 'c' });
    expect(mergePatch({ a: { b: 'c' } }, { a: { b: 'd', c: null } })).toEqual({ a: { b: 'd' } });
    expect(mergePatch({}, { a: { bb: { ccc: null } } })).toEqual({ a: { bb: {} } });
    expect(mergePatch({ e: null }, { a: 1 })).toEqual({ e: null, a: 1 });
    expect(mergePatch([1, 2], { a: 'b', c: null })).toEqual({ a: 'b' });
  });

  it('keeps __proto__ an ordinary member', () => {
    const result = mergePatch({}, JSON.parse('{"__proto__":{"x":1}}')) as Json;
    expect(JSON.stringify(result)).toBe('{"__proto__":{"x":1}}');
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  });
});

describe('JSON patch', () => {
  it('applies operations in order and refuses those that do not fit', () => {
    const operations = [
      { op: 'test', path: '/a', value: 1 },
      { op: 'add', path: '/b/-', value: 3 },
      { op: 'move', from: '/a', path: '/c' },
    ];
    expect(jsonPatch({ a: 1, b: [1] }, operations)).toEqual({ b: [1, 3], c: 1 });
    expect(() => jsonPatch({ a: 1 }, [{ op: 'test', path: '/a', value: 2 }])).toThrow(
      expect.objectContaining({ reason: 'Invalid' }),
    );
    expect(() => jsonPatch({}, [{ op: 'remove', path: '/x' }])).toThrow(expect.objectContaining({ reason: 'Invalid' }));
    expect(() => jsonPatch({}, { op: 'add' })).toThrow(expect.objectContaining({ reason: 'BadRequest' }));
    for (const from of ['a', undefined, 5]) {
      expect(() => jsonPatch({ a: 1 }, [{ op: 'move', path: '/b', from }])).toThrow(/"from" .* must be a pointer/);
    }
    expect(() => jsonPatch({ a: 1 }, [{ op: 'remove', path: 'a' }])).toThrow(/"path" .* must be a pointer/);
    expect(() => jsonPatch({}, [{ op: 'add' }])).toThrow(expect.objectContaining({ reason: 'BadRequest' }));
    expect(() => jsonPatch({}, [{ op: 'replace', path: '', value: 3 }])).toThrow(
      expect.objectContaining({ reason: 'Invalid' }),
    );
  });
});

describe('a JSON patch that grows', () => {
  it('is refused when its copies double the object again and again', () => {
    const copies = Array.from({ length: 60 }, (_, index) => ({ op: 'copy', from: '/a', path: `/a/${index}` }));
    expect(() => jsonPatch({ a: { text: 'x'.repeat(100) } }, copies)).toThrow(/may copy at most \d+ bytes/);
    expect(jsonPatch({ a: { b: 1 } }, [{ op: 'copy', from: '/a', path: '/c' }])).toEqual({ a: { b: 1 }, c: { b: 1 } });
  });
});
