import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KubeObject } from '@timonel/sdk/kube';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { kinds } from './testing/kinds-under-test.ts';
import { builtInSchemas } from './schemas.ts';

const schemas = builtInSchemas();
const runs = 12;

type Schema = { readonly [key: string]: unknown };

const hostileKeys = ['toString', 'valueOf', 'constructor', '__proto__', 'toJSON', 'length', 'hasOwnProperty', ''];

/** Any JSON, with names among the keys that a careless look-up would find on the prototype. */
const garbage: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(
      null,
      true,
      false,
      0,
      -1,
      1e300,
      0.5,
      '',
      '..',
      '-1',
      'None',
      'Always',
      'In',
      'a'.repeat(300),
    ),
    fc.string(),
    fc.array(tie('value'), { maxLength: 3 }),
    fc
      .array(fc.tuple(fc.oneof(fc.constantFrom(...hostileKeys), fc.string()), tie('value')), { maxLength: 3 })
      .map((entries) => Object.fromEntries(entries)),
  ),
})).value;

/** A value of a schema's shape, of which some parts are something else. */
function shaped(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  return fc.oneof(
    { arbitrary: garbage, weight: 1 },
    { arbitrary: depth > 7 ? garbage : wellShaped(schema, depth), weight: 7 },
  );
}

function resolved(schema: Schema): Schema {
  const ref = schema['$ref'];
  return typeof ref === 'string' ? (schemas[ref.replace('#/components/schemas/', '')] ?? {}) : schema;
}

function wellShaped(given: Schema, depth: number): fc.Arbitrary<unknown> {
  const schema = resolved(given);
  const properties = schema['properties'] as Record<string, Schema> | undefined;
  const items = schema['items'] as Schema | undefined;
  if (items !== undefined) return fc.array(lazily(items, depth + 1), { maxLength: 3 });
  if (properties !== undefined) {
    const fields = Object.entries(properties).map(([name, field]) => [name, lazily(field, depth + 1)] as const);
    return fc.record(Object.fromEntries(fields), { requiredKeys: [] });
  }
  const values = schema['additionalProperties'] as Schema | undefined;
  if (values !== undefined)
    return fc.dictionary(fc.constantFrom('cpu', 'memory', 'a/b', ...hostileKeys), lazily(values, depth + 1));
  if (schema['type'] === 'integer') return fc.oneof(fc.integer(), fc.nat(70_000));
  if (schema['type'] === 'boolean') return fc.boolean();
  return fc.oneof(
    fc.string(),
    fc.constantFrom('a', 'b', 'Always', 'Exists', '25%', 'latest', '10.0.0.1', 'ClusterIP', 'RollingUpdate'),
  );
}

/** Schemas refer to each other in circles: what is below is only made when it is drawn. */
function lazily(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  return fc.constant(null).chain(() => shaped(schema, depth));
}

function objectsOf(kind: ResourceDefinition): fc.Arbitrary<KubeObject> {
  const properties = (schemas[kind.schema]?.['properties'] ?? {}) as Record<string, Schema>;
  const fields = Object.entries(properties)
    .filter(([name]) => !['metadata', 'apiVersion', 'kind'].includes(name))
    .map(([name, field]) => [name, lazily(field, 1)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [] }).map((object) => ({
    ...object,
    metadata: { name: 'x', namespace: 'default', creationTimestamp: '2026-01-01T00:00:00Z' },
  }));
}

describe.each(kinds.map((kind) => [kind.resource, kind] as const))('%s', (_name, kind) => {
  const { strategy } = kind;

  it('defaults twice as it does once', () => {
    fc.assert(
      fc.property(objectsOf(kind), (object) => {
        strategy.default?.(object);
        const once = structuredClone(object);
        strategy.default?.(object);
        expect(object).toEqual(once);
      }),
      { numRuns: runs },
    );
  });

  it('answers findings on anything, and changes nothing while it looks', () => {
    fc.assert(
      fc.property(objectsOf(kind), objectsOf(kind), (object, old) => {
        strategy.default?.(object);
        const before = structuredClone(object);
        const findings = [
          ...(strategy.validate?.(object) ?? []),
          ...(strategy.validateUpdate?.(object, old) ?? []),
          ...(strategy.validateStatusUpdate?.(object, old) ?? []),
        ];
        for (const finding of findings) {
          expect(finding.reason).toMatch(/^FieldValue/);
          expect(typeof finding.message).toBe('string');
        }
        expect(object).toEqual(before);
      }),
      { numRuns: runs },
    );
  });

  it('prepares, selects, warns and prints anything', () => {
    fc.assert(
      fc.property(objectsOf(kind), objectsOf(kind), (object, old) => {
        const cells = strategy.cells?.(object, { now: 1_800_000_000_000 }) ?? [];
        expect(cells).toHaveLength(kind.columns.length);
        for (const cell of cells) expect(['string', 'number', 'boolean']).toContain(typeof cell);
        for (const value of Object.values(strategy.selectableFields?.(object) ?? {}))
          expect(typeof value).toBe('string');
        strategy.warnings?.(object);
        strategy.finalizers?.(object);
        strategy.gracePeriodSeconds?.(object, undefined);
        strategy.prepareForUpdate?.(structuredClone(object), old);
        strategy.prepareStatusUpdate?.(structuredClone(object), old);
        strategy.prepareForDelete?.(structuredClone(object));
        strategy.prepareForCreate?.(object);
      }),
      { numRuns: runs },
    );
  });
});
