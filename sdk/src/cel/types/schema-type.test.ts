import { describe, expect, it } from '@jest/globals';
import { maxRequestBytes } from '../limits.ts';
import { estimateCost } from '../cost/estimate.ts';
import { compiled, evaluated, expectAll, problems } from '../testing/evaluated.ts';
import { escapeName } from './names.ts';
import { celTypeOfSchema, type CelSchema } from './schema-type.ts';
import { dynType, type CelType } from './type.ts';

const schema: CelSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['replicas'],
      properties: {
        replicas: { type: 'integer' },
        ratio: { type: 'number' },
        name: { type: 'string', maxLength: 10 },
        mode: { type: 'string', enum: ['On', 'Off'] },
        on: { type: 'boolean' },
        port: { 'x-kubernetes-int-or-string': true },
        data: { type: 'string', format: 'byte' },
        since: { type: 'string', format: 'date-time' },
        day: { type: 'string', format: 'date' },
        wait: { type: 'string', format: 'duration' },
        nothing: { type: 'string', nullable: true },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: { port: { type: 'integer' }, protocol: { type: 'string' }, x: { type: 'integer' } },
          },
        },
        'a-b.c/d__e': { type: 'integer' },
        namespace: { type: 'string' },
        free: { 'x-kubernetes-preserve-unknown-fields': true },
        open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        template: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
      },
    },
  },
};

const self = celTypeOfSchema(schema, { root: true }) as CelType;
const environment = { variables: { self, oldSelf: self } };

const object = {
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name: 'x', namespace: 'n' },
  spec: {
    replicas: 3,
    ratio: 2,
    name: 'web',
    on: true,
    port: 80,
    data: 'aGk=',
    since: '2024-01-01T00:00:00Z',
    day: '2024-01-02',
    wait: '90s',
    nothing: null,
    labels: { 'app/x': 'y', __proto: 'z' },
    tags: ['b', 'a'],
    ports: [
      { port: 1, protocol: 'TCP', x: 1 },
      { port: 2, protocol: 'UDP', x: 2 },
    ],
    'a-b.c/d__e': 7,
    namespace: 'q',
    free: { a: [1, 2.5, { b: 'c' }] },
    open: { hidden: 1 },
    template: { kind: 'Pod', metadata: { name: 'p' }, spec: {} },
    unknown: 1,
  },
};

it('reads JSON as the schema says', () => {
  expectAll(
    [
      ['self.spec.replicas + 1', 4n],
      ['self.spec.ratio * 1.5', 3],
      ['self.spec.port == 80 || self.spec.port == "80"', true],
      ['type(self.spec.port) == int', true],
      [`self.spec.data == b'hi'`, true],
      [`self.spec.since < timestamp('2024-01-01T00:00:01Z')`, true],
      ['self.spec.day.getDate()', 2n],
      [`self.spec.wait == duration('1m30s')`, true],
      [
        'self.spec.nothing == null',
        "ERROR: <input>:1:19: found no matching overload for '_==_' applied to '(string, null)'\n | self.spec.nothing == null\n | ..................^",
      ],
      [`self.spec.labels['app/x']`, 'y'],
      [`'toString' in self.spec.labels || '__proto__' in self.spec.labels`, false],
      ['self.spec.labels.all(k, size(k) < 10)', true],
      ['self.spec.a__dash__b__dot__c__slash__d__underscores__e', 7n],
      ['self.spec.__namespace__', 'q'],
      ['self.metadata.name + self.kind + self.spec.template.metadata.name', 'xThingp'],
      ['has(self.spec.mode) || !has(self.spec.on)', false],
      ['self.spec.mode', { error: 'no such key: mode' }],
      ['self.spec.ports.exists(p, p.port == 2 && p.protocol == "UDP")', true],
    ],
    { self: object },
    environment,
  );
});

it('hides what the schema does not name', () => {
  expect(problems('self.spec.unknown', environment)).toEqual(["1:10: undefined field 'unknown'"]);
  expect(problems('self.spec.open.hidden', environment)).toEqual(["1:15: undefined field 'hidden'"]);
  expect(problems('self.spec.free', environment)).toEqual(["1:10: undefined field 'free'"]);
  expect(problems('self.metadata.namespace', environment)).toEqual(["1:14: undefined field 'namespace'"]);
  expect(celTypeOfSchema({ 'x-kubernetes-int-or-string': true })).toEqual(dynType);
  expect(celTypeOfSchema({})).toBeUndefined();
});

it('compares and joins lists as their kind says', () => {
  const changed = structuredClone(object);
  changed.spec.tags = ['a', 'b'];
  changed.spec.ports.reverse();
  const variables = { self: object, oldSelf: changed };
  expectAll(
    [
      ['self.spec.tags == oldSelf.spec.tags && self.spec.ports == oldSelf.spec.ports', true],
      ['self == oldSelf', true],
      [`self.spec.tags + ['a', 'c']`, ['b', 'a', 'c']],
      ['size(self.spec.ports + oldSelf.spec.ports)', 2n],
      ['dyn([1, 2]) == [2, 1]', false],
    ],
    variables,
    environment,
  );
});

it('refuses data that does not fit', () => {
  const wrong = { spec: { replicas: 'three', tags: 5, labels: [], since: 'soon', name: null } };
  expectAll(
    [
      ['self.spec.replicas > 1', { error: 'invalid data, expected int to match the provided schema, but got string' }],
      ['size(self.spec.tags)', { error: 'invalid data, expected list to match the provided schema, but got number' }],
      [`'a' in self.spec.labels`, { error: 'invalid data, expected map to match the provided schema, but got array' }],
      ['self.spec.since', { error: 'invalid RFC 3339 timestamp "soon"' }],
      ['self.spec.name', { error: 'invalid data, got null for schema with nullable=false' }],
      ['has(self.spec.name)', true],
    ],
    { self: wrong },
    environment,
  );
  expect(evaluated('self.spec.replicas', {}, environment)).toEqual({ error: 'no such attribute(s): self' });
});

it('takes whole numbers for int and others for double where no schema says', () => {
  expectAll(
    [
      ['d.a[2].b', 'c'],
      ['d.a[0] == 1 && d.a[1] == 2.5 && type(d.a[0]) == int && type(d.a[1]) == double', true],
      ['d.n == null && has(d.n)', true],
    ],
    { d: { a: [1, 2.5, { b: 'c' }], n: null } },
    { variables: { d: dynType } },
  );
});

it('is not misled by JSON that looks like a value', () => {
  const variables = { d: { celKind: 'error', message: 'x', values: [{ celKind: 'list' }] } };
  expectAll(
    [
      ['d.celKind', 'error'],
      ['d.values[0].celKind', 'list'],
      ['has(d.constructor)', false],
    ],
    variables,
    { variables: { d: dynType } },
  );
});

it('finds no fields that JavaScript gives every object', () => {
  const self = celTypeOfSchema({ type: 'object', properties: { constructor: { type: 'string' } } }) as CelType;
  expectAll(
    [
      ['has(self.constructor)', false],
      ['self.constructor', { error: 'no such key: constructor' }],
    ],
    { self: {} },
    { variables: { self } },
  );
});

it('escapes names', () => {
  const cases: [string, string | undefined][] = [
    ['plain', 'plain'],
    ['a__b', 'a__underscores__b'],
    ['a.b', 'a__dot__b'],
    ['a-b', 'a__dash__b'],
    ['a/b', 'a__slash__b'],
    ['in', '__in__'],
    ['namespace', '__namespace__'],
    ['a b', undefined],
    ['1a', undefined],
    ['', undefined],
  ];
  expect(cases.map(([name]) => [name, escapeName(name)])).toEqual(cases);
});

describe('sizes', () => {
  const sizeOf = (of: CelSchema): number => {
    const type = celTypeOfSchema({ type: 'object', properties: { x: of } }) as CelType;
    // One for each variable and field, three for each round, one at the end.
    return (estimateCost(compiled('self.x.all(e, true)', { variables: { self: type } })).max - 3) / 3;
  };

  it('are those of the schema, or what fits into a request', () => {
    expect(sizeOf({ type: 'array', maxItems: 7, items: { type: 'string' } })).toBe(7);
    expect(sizeOf({ type: 'array', items: { type: 'integer' } })).toBe(Math.floor((maxRequestBytes - 2) / 2));
    expect(sizeOf({ type: 'array', items: { type: 'boolean' } })).toBe(Math.floor((maxRequestBytes - 2) / 5));
    expect(
      sizeOf({ type: 'array', items: { type: 'object', required: ['abc'], properties: { abc: { type: 'string' } } } }),
    ).toBe(Math.floor((maxRequestBytes - 2) / 12));
    expect(sizeOf({ type: 'object', additionalProperties: { type: 'string' } })).toBe(
      Math.floor((maxRequestBytes - 2) / 8),
    );
    expect(sizeOf({ type: 'object', maxProperties: 4, additionalProperties: { type: 'string' } })).toBe(4);
  });

  it('of texts are bytes', () => {
    const textOf = (of: CelSchema): number => {
      const type = celTypeOfSchema({ type: 'object', properties: { x: of } }) as CelType;
      return estimateCost(compiled("self.x + ''", { variables: { self: type } })).max - 2;
    };
    expect(textOf({ type: 'string', maxLength: 100 })).toBe(40);
    expect(textOf({ type: 'string', enum: ['a', 'b'.repeat(20)] })).toBe(2);
    expect(textOf({ type: 'string', enum: ['a'], maxLength: 100 })).toBe(40);
    expect(textOf({ 'x-kubernetes-int-or-string': true, maxLength: 100 })).toBe(40);
    expect(textOf({ type: 'string' })).toBe(Math.ceil((maxRequestBytes - 2) / 10));
  });

  it('end where schemas nest without end', () => {
    let deep: CelSchema = { type: 'string' };
    for (let level = 0; level < 5000; level += 1) deep = { type: 'object', properties: { a: deep } };
    expect(celTypeOfSchema(deep)?.kind).toBe('object');
  });
});
