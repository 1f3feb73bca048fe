import { describe, expect, it } from '@jest/globals';
import { StoredObject } from '../cache/stored-object.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { encodeObject } from '../kinds/object-codec.ts';
import { listBody } from './list-body.ts';

const kind = { definition: { kind: 'X' }, apiVersion: 'v1' } as Kind;
const item = (name: string, size: number): StoredObject =>
  new StoredObject(
    name,
    7,
    encodeObject({ kind: 'X', apiVersion: 'v1', metadata: { name }, text: 'ä'.repeat(size) } as never),
  );

describe('listBody', () => {
  it.each([
    ['nothing', []],
    ['one', [10]],
    ['several pieces', Array.from({ length: 500 }, (_, at) => at * 10)],
    ['one larger than a piece', [5, 400_000, 5, 300_000]],
  ])('is the JSON of %s, of the length it says', (_name, sizes) => {
    const items = sizes.map((size, at) => item(`name-${at}`, size));
    const { bytes, pieces } = listBody(kind, { resourceVersion: '9' }, { items });
    const text = Buffer.concat([...pieces]);
    expect(text.length).toBe(bytes);
    expect(JSON.parse(text.toString())).toEqual({
      kind: 'XList',
      apiVersion: 'v1',
      metadata: { resourceVersion: '9' },
      items: items.map(({ object }) => object),
    });
  });

  it('keeps the list that is asked for again, until it changes', () => {
    const cache = {};
    const textOf = (version: number, namespace: string | undefined, names: readonly string[]): string => {
      const items = names.map((name) => item(name, 10));
      const { bytes, pieces } = listBody(
        kind,
        { resourceVersion: '9' },
        { items, state: { cache, version, namespace } },
      );
      const text = Buffer.concat([...pieces]);
      expect(text.length).toBe(bytes);
      const list = JSON.parse(text.toString()) as { items: { metadata: { name: string } }[] };
      return list.items.map(({ metadata }) => metadata.name).join();
    };
    expect(textOf(1, undefined, ['a'])).toBe('a');
    expect(textOf(1, undefined, ['a'])).toBe('a');
    // Of the same state it is the kept one.
    expect(textOf(1, undefined, ['other'])).toBe('a');
    expect(textOf(1, undefined, ['other'])).toBe('a');
    expect(textOf(2, undefined, ['a', 'b'])).toBe('a,b');
    expect(textOf(2, 'one', ['c'])).toBe('c');
    expect(textOf(2, 'one', ['c'])).toBe('c');
    expect(textOf(2, undefined, ['a', 'b'])).toBe('a,b');
  });
});
