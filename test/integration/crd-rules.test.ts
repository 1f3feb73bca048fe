/** Validation rules in CEL. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { crdOf, crdPath, serveCrd, versionOf, type Json } from '../support/crds.ts';

let server: TestApiServer;
let count = 0;

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd] });
});
afterAll(async () => {
  await server.stop();
});

const integer = { type: 'integer' };
const specOf = (properties: Json, ...rules: Json[]): Json => ({
  spec: { type: 'object', properties, 'x-kubernetes-validations': rules },
});

async function serve(properties: Json): Promise<string> {
  count += 1;
  const group = `rules${count}.example.com`;
  await serveCrd(server, { group, properties });
  return `/apis/${group}/v1/namespaces/default/crontabs`;
}

function causesOf({ body }: Answer): string[] {
  const causes = (body.details?.causes ?? []) as { field: string; message: string }[];
  return causes.map(({ field, message }) => `${field}: ${message}`);
}

async function refused(properties: Json): Promise<string[]> {
  const body = crdOf({ versions: [versionOf('v1', properties)] });
  const base = 'spec.versions[0].schema.openAPIV3Schema';
  return causesOf(await server.send('POST', `${crdPath}?dryRun=All`, { body })).map((text) =>
    text.replaceAll(base, ''),
  );
}

const create = (path: string, spec: Json): Promise<Answer> =>
  server.send('POST', path, { body: { metadata: { name: 'a' }, spec } });
const patch = (path: string, spec: Json): Promise<Answer> =>
  server.send('PATCH', `${path}/a`, { type: 'application/merge-patch+json', body: { spec } });

describe('rules of objects', () => {
  it('refuse with their message, reason and field', async () => {
    const path = await serve(
      specOf(
        { min: integer, max: integer, name: { type: 'string', maxLength: 10 } },
        { rule: 'self.min <= self.max' },
        { rule: 'self.min > 0', message: 'min must be positive', reason: 'FieldValueForbidden', fieldPath: '.min' },
        { rule: '!has(self.name) || self.name != "x"', messageExpression: '"not " + self.name' },
      ),
    );
    expect((await create(path, { min: 1, max: 2 })).status).toBe(201);
    const answer = await server.send('PUT', `${path}/a`, {
      body: { metadata: { name: 'a' }, spec: { min: 0, max: -1, name: 'x' } },
    });
    expect(causesOf(answer)).toEqual([
      'spec: Invalid value: "object": failed rule: self.min <= self.max',
      'spec.min: Forbidden: min must be positive',
      'spec: Invalid value: "object": not x',
    ]);
    expect(causesOf(await create(path, { min: 'x' }))).toEqual([
      'spec.min: Invalid value: "string": spec.min in body must be of type integer: "string"',
      '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    ]);
    expect(causesOf(await create(path, { min: 1 }))).toEqual([
      'spec: Invalid value: "object": no such key: max evaluating rule: self.min <= self.max',
    ]);
  });

  it('look at the name of the object, and at the value before an update', async () => {
    const version = versionOf('v1', {
      spec: {
        type: 'object',
        properties: {
          kept: { ...integer, 'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: 'kept is immutable' }] },
          once: {
            ...integer,
            'x-kubernetes-validations': [{ rule: 'oldSelf.hasValue() || self == 1', optionalOldSelf: true }],
          },
        },
      },
    });
    const { schema } = version as { schema: { openAPIV3Schema: Json } };
    schema.openAPIV3Schema['x-kubernetes-validations'] = [{ rule: 'self.metadata.name.startsWith("a")' }];
    await serveCrd(server, { group: 'old.example.com', versions: [version] });
    const path = '/apis/old.example.com/v1/namespaces/default/crontabs';
    const other = await server.send('POST', path, { body: { metadata: { name: 'b' }, spec: {} } });
    expect(causesOf(other)).toEqual([
      '<nil>: Invalid value: "object": failed rule: self.metadata.name.startsWith("a")',
    ]);
    expect((await create(path, { once: 2 })).status).toBe(422);
    expect((await create(path, { kept: 1, once: 1 })).status).toBe(201);
    expect((await patch(path, { once: 2 })).status).toBe(200);
    expect(causesOf(await patch(path, { kept: 2 }))).toEqual([
      'spec.kept: Invalid value: "integer": kept is immutable',
    ]);
  });

  it('leave alone what an update does not change', async () => {
    const path = await serve(specOf({ a: integer, b: integer }));
    await create(path, { a: 1, b: 1 });
    const stricter = { ...integer, 'x-kubernetes-validations': [{ rule: 'self > 5' }] };
    const group = path.split('/')[2] ?? '';
    const versions = [versionOf('v1', specOf({ a: stricter, b: integer }))];
    await server.send('PATCH', `${crdPath}/crontabs.${group}`, {
      type: 'application/merge-patch+json',
      body: { spec: { versions } },
    });
    expect((await patch(path, { b: 2 })).status).toBe(200);
    expect((await patch(path, { a: 2 })).status).toBe(422);
  });

  it('find items of lists with keys again, and name keys of maps', async () => {
    const rule = { rule: '!has(oldSelf.v) || self.v >= oldSelf.v', message: 'only more' };
    const items = {
      type: 'object',
      required: ['k'],
      properties: { k: { type: 'string' }, v: integer },
      'x-kubernetes-validations': [rule],
    };
    const list = {
      type: 'array',
      maxItems: 5,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items,
    };
    const map = {
      type: 'object',
      maxProperties: 5,
      additionalProperties: { ...integer, 'x-kubernetes-validations': [{ rule: 'self > 0' }] },
    };
    const path = await serve(specOf({ list, map }));
    await create(path, {
      list: [
        { k: 'a', v: 2 },
        { k: 'b', v: 2 },
      ],
    });
    expect(
      causesOf(
        await patch(path, {
          list: [
            { k: 'b', v: 1 },
            { k: 'a', v: 3 },
          ],
          map: { 'x.y': 0 },
        }),
      ),
    ).toEqual([
      'spec.list[0]: Invalid value: "object": only more',
      'spec.map[x.y]: Invalid value: "integer": failed rule: self > 0',
    ]);
  });

  it('end when they cost too much', async () => {
    const rule = 'self.l.all(x, self.l.all(y, x + y >= 0))';
    const l = { type: 'array', maxItems: 1000, items: integer };
    const path = await serve(specOf({ l }, { rule }));
    expect((await create(path, { l: Array.from({ length: 20 }, () => 1) })).status).toBe(201);
    const answer = await patch(path, { l: Array.from({ length: 1000 }, () => 1) });
    expect(causesOf(answer)).toEqual([`spec: Invalid value: "object": call cost exceeds limit for rule: ${rule}`]);
  });
});

describe('rules of a definition are refused', () => {
  it.each([
    ['without text', specOf({}, { rule: ' ' }), [/rule: Required value: rule is not specified$/]],
    [
      'that do not compile',
      specOf({}, { rule: 'self.x ==' }),
      [/rule: Invalid value: .*compilation failed: ERROR: <input>:1:10: Syntax error/s],
    ],
    ['about fields that there are not', specOf({ a: integer }, { rule: 'self.x > 1' }), [/undefined field 'x'/]],
    ['that say neither yes nor no', specOf({ a: integer }, { rule: 'self.a' }), [/must evaluate to a? ?bool/]],
    [
      'of another reason',
      specOf({ a: integer }, { rule: 'true', reason: 'Odd' }),
      [/reason: Unsupported value: "Odd"/],
    ],
    [
      'about a field elsewhere',
      specOf({ a: integer }, { rule: 'true', fieldPath: '.b' }),
      [/fieldPath: Invalid value: ".b"/],
    ],
    [
      'that compare what cannot be found again',
      {
        spec: {
          type: 'array',
          maxItems: 3,
          items: { ...integer, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] },
        },
      },
      [/oldSelf cannot be used on the uncorrelatable portion of the schema within \.properties\[spec\]\.items$/],
    ],
    [
      'that may cost too much',
      specOf({ l: { type: 'array', items: { type: 'string' } } }, { rule: 'self.l.all(x, self.l.all(y, x == y))' }),
      [
        /rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x \(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared\)$/,
        /Forbidden: contributed to estimated rule cost total exceeding cost limit/,
        /Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget/,
      ],
    ],
  ])('%s', async (_what, properties, wanted) => {
    const found = await refused(properties);
    expect(found).toEqual(wanted.map((pattern) => expect.stringMatching(pattern)));
  });
});
