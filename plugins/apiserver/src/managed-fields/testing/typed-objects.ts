/** A schema with a list of every type, and random objects of it. */
import fc from 'fast-check';
import type { JsonObject } from '../../json/plain-json.ts';
import { SchemaNode } from '../../kinds/schema-node.ts';

const text = { type: 'string' };
const texts = { type: 'array', items: text };
const schemas = {
  Item: {
    type: 'object',
    properties: {
      name: text,
      value: { type: 'integer' },
      tags: { ...texts, 'x-kubernetes-list-type': 'set' },
      args: texts,
    },
  },
  Port: { type: 'object', properties: { port: { type: 'integer' }, protocol: text, title: text } },
  Root: {
    type: 'object',
    properties: {
      apiVersion: text,
      kind: text,
      metadata: {
        type: 'object',
        properties: {
          name: text,
          labels: { type: 'object', additionalProperties: text },
          finalizers: { ...texts, 'x-kubernetes-list-type': 'set' },
        },
      },
      spec: {
        type: 'object',
        properties: {
          size: { type: 'integer' },
          items: {
            type: 'array',
            items: { $ref: '#/components/schemas/Item' },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['name'],
          },
          ports: {
            type: 'array',
            items: { $ref: '#/components/schemas/Port' },
            'x-kubernetes-list-type': 'map',
            'x-kubernetes-list-map-keys': ['port', 'protocol'],
          },
          selector: { type: 'object', additionalProperties: text, 'x-kubernetes-map-type': 'atomic' },
          deep: { type: 'object', properties: { a: text, b: { type: 'object', properties: { c: text } } } },
          any: { 'x-kubernetes-preserve-unknown-fields': true },
        },
      },
      status: { type: 'object', properties: { ready: { type: 'integer' } } },
    },
  },
};

export const rootNode: SchemaNode = new SchemaNode({ $ref: '#/components/schemas/Root' }, schemas);

const word = fc.constantFrom('a', 'b', 'c', 'd', 'e"f', 'x y', '__proto__');
const number = fc.integer({ min: 0, max: 3 });
const words = fc.uniqueArray(word, { maxLength: 4 });
const map = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'k/l', 'e"f'), word, { maxKeys: 4 });
const partial = { requiredKeys: [] };

const item = fc.record(
  { name: fc.constantFrom('a', 'b', 'c', 'q"'), value: number, tags: words, args: words },
  { requiredKeys: ['name'] },
);
const port = fc.record(
  { port: number, protocol: fc.constantFrom('TCP', 'UDP'), title: word },
  { requiredKeys: ['port'] },
);
const portId = ({ port: value, protocol = 'TCP' }: { port: number; protocol?: string }): string =>
  `${value}${protocol}`;

const spec = fc.record(
  {
    size: number,
    items: fc.uniqueArray(item, { selector: ({ name }) => name, maxLength: 4 }),
    ports: fc.uniqueArray(port, { selector: portId, maxLength: 4 }),
    selector: map,
    deep: fc.record({ a: word, b: fc.record({ c: word }, partial) }, partial),
    any: fc.oneof(word, words, map, fc.record({ inner: map }, partial)),
  },
  partial,
);

/** An object such as an applier sends. */
export const anyObject: fc.Arbitrary<JsonObject> = fc
  .record({ metadata: fc.record({ labels: map, finalizers: words }, partial), spec }, partial)
  .map((parts) => {
    const { metadata, ...rest } = structuredClone(parts);
    return { apiVersion: 'v1', kind: 'Root', metadata: { name: 'x', ...metadata }, ...rest };
  });
