import { describe, expect, it } from '@jest/globals';
import { checkBySchema } from './schema-check.ts';
import { SchemaNode } from './schema-node.ts';

const schemas = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string' },
  Root: {
    type: 'object',
    properties: {
      count: { type: 'integer', format: 'int32' },
      when: { type: 'string', format: 'date-time' },
      bytes: { type: 'object', additionalProperties: { type: 'string', format: 'byte' } },
      cpu: { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity' },
      port: { 'x-kubernetes-int-or-string': true },
      list: { type: 'array', items: { $ref: '#/components/schemas/Root' } },
      any: { type: 'object' },
      open: { type: 'object', properties: { known: { type: 'string' } }, 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
};
const root = new SchemaNode({ $ref: '#/components/schemas/Root' }, schemas);

describe('checkBySchema', () => {
  it.each(['2026-02-28T23:59:59Z', '2024-02-29t00:00:00.123456789z', '2026-12-31T00:00:00+02:00'])(
    'takes the time %s',
    (when) => {
      expect(checkBySchema({ when }, root).wrong).toEqual([]);
    },
  );

  it.each([
    '2026-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01',
  ])('refuses the time %s', (when) => {
    expect(checkBySchema({ when }, root).wrong).toEqual([
      `when: expected an RFC 3339 time, found the string "${when}"`,
    ]);
  });

  it('accepts what fits, drops nulls, and writes quantities as text', () => {
    const object = {
      count: 3,
      when: '2026-01-02T03:04:05Z',
      bytes: { a: 'YQ==', empty: null },
      cpu: 1,
      port: 'http',
      list: [{ count: null, port: 80 }],
      any: { x: [1, { y: null }] },
      open: { known: 'a', other: 5 },
    };
    expect(checkBySchema(object, root)).toEqual({ unknown: [], wrong: [] });
    expect(object).toEqual({
      count: 3,
      when: '2026-01-02T03:04:05Z',
      bytes: { a: 'YQ==', empty: '' },
      cpu: '1',
      port: 'http',
      list: [{ port: 80 }],
      any: { x: [1, { y: null }] },
      open: { known: 'a', other: 5 },
    });
  });

  it('names every field that is wrong or unknown, and drops the unknown ones', () => {
    const object = {
      count: 1.5,
      when: 'yesterday',
      bytes: { a: 'no base64!' },
      port: true,
      list: [{ count: 3_000_000_000 }, 'text', { extra: 1 }],
      odd: {},
    };
    const { wrong, unknown } = checkBySchema(object, root);
    expect(wrong.map((text) => text.split(':')[0])).toEqual([
      'count',
      'when',
      'bytes.a',
      'port',
      'list[0].count',
      'list[1]',
    ]);
    expect(unknown).toEqual(['list[2].extra', 'odd']);
    expect(object).not.toHaveProperty('odd');
  });
});
