import { describe, expect, it } from '@jest/globals';
import type { Kind } from '../kinds/kind-table.ts';
import { encodeOpenApiV2 } from './openapi-v2-protobuf.ts';
import { openApiV2 } from './openapi-v2.ts';

const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });
const port = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString';
const schemas = {
  'a.Thing': {
    description: 'A thing.',
    type: 'object',
    required: ['part'],
    properties: {
      part: { description: 'Its part.', ...ref('a.Part') },
      ports: { type: 'array', items: ref(port), 'x-kubernetes-list-type': 'set' },
      labels: { type: 'object', additionalProperties: { type: 'string' } },
    },
    'x-kubernetes-group-version-kind': [{ group: 'a', kind: 'Thing', version: 'v1' }],
  },
  'a.Part': { type: 'object', properties: { size: { type: 'integer', format: 'int32' } } },
  [port]: { description: 'Either.', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  'a.Unreached': { type: 'string' },
};
const kinds = [{ definition: { schema: 'a.Thing' } }] as unknown as Kind[];

interface Field {
  readonly number: number;
  readonly bytes: Buffer;
}

/** The fields of a message whose fields all have a length. */
function fields(message: Buffer): Field[] {
  const found: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    expect(tag % 8).toBe(2);
    const length = varint();
    found.push({ number: (tag - 2) / 8, bytes: message.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function only(message: Buffer, number: number): Buffer {
  const matching = fields(message).filter((field) => field.number === number);
  expect(matching).toHaveLength(1);
  return matching[0]?.bytes ?? Buffer.alloc(0);
}

/** Named schemas by name. */
function byName(message: Buffer): Map<string, Buffer> {
  return new Map(fields(message).map(({ bytes }) => [only(bytes, 1).toString(), only(bytes, 2)]));
}

describe('OpenAPI 2.0', () => {
  const document = openApiV2(kinds, schemas);

  it('holds what the kinds reach, with references of its own form', () => {
    expect(Object.keys(document.definitions)).toEqual(['a.Part', 'a.Thing', port]);
    expect(document.definitions['a.Thing']).toMatchObject({
      properties: { part: { $ref: '#/definitions/a.Part' }, ports: { items: { $ref: `#/definitions/${port}` } } },
    });
    expect(document.definitions[port]).toEqual({ description: 'Either.', type: 'string', format: 'int-or-string' });
  });

  it('is written as protobuf by the field numbers of gnostic', () => {
    const message = encodeOpenApiV2(document);
    expect(only(message, 1).toString()).toBe('2.0');
    const thing = byName(only(message, 9)).get('a.Thing') ?? Buffer.alloc(0);
    expect(only(thing, 4).toString()).toBe('A thing.');
    expect(only(thing, 19).toString()).toBe('part');
    expect(only(only(thing, 22), 1).toString()).toBe('object');
    const extension = only(thing, 31);
    expect(only(extension, 1).toString()).toBe('x-kubernetes-group-version-kind');
    expect(JSON.parse(only(only(extension, 2), 2).toString())).toEqual([{ group: 'a', kind: 'Thing', version: 'v1' }]);
    const properties = byName(only(thing, 25));
    expect([...properties.keys()]).toEqual(['part', 'ports', 'labels']);
    expect(only(properties.get('part') ?? Buffer.alloc(0), 1).toString()).toBe('#/definitions/a.Part');
    const labels = only(only(properties.get('labels') ?? Buffer.alloc(0), 21), 1);
    expect(only(only(labels, 22), 1).toString()).toBe('string');
    const items = only(only(properties.get('ports') ?? Buffer.alloc(0), 23), 1);
    expect(only(items, 1).toString()).toBe(`#/definitions/${port}`);
  });
});
