/** Structural schemas: what they may say, and what becomes of objects by them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { crdOf, crdPath, eventually, serveCrd, versionOf, type Json } from '../support/crds.ts';

let server: TestApiServer;
let count = 0;

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd] });
});
afterAll(async () => {
  await server.stop();
});

/** Serves a kind with a schema; returns the path of its objects. */
async function serve(properties: Json, version: Json = {}): Promise<string> {
  count += 1;
  const group = `schemas${count}.example.com`;
  await serveCrd(server, { group, versions: [versionOf('v1', properties, version)] });
  return `/apis/${group}/v1/namespaces/default/crontabs`;
}

const specOf = (properties: Json, more: Json = {}): Json => ({ spec: { type: 'object', properties, ...more } });
const create = (path: string, spec: unknown, more: Json = {}): Promise<Answer> =>
  server.send('POST', path, { body: { metadata: { name: 'a', ...(more['metadata'] as Json) }, ...more, spec } });

/** What a definition with this schema is refused for. */
async function refused(schema: Json): Promise<string[]> {
  const version = { ...versionOf('v1', {}), schema: { openAPIV3Schema: schema } };
  const { body } = await server.send('POST', `${crdPath}?dryRun=All`, { body: crdOf({ versions: [version] }) });
  const causes = (body.details?.causes ?? []) as { field: string; message: string }[];
  const base = 'spec.versions[0].schema.openAPIV3Schema';
  return causes.map(({ field, message }) => `${field.replace(base, '')}: ${message}`);
}

describe('the schema of a definition', () => {
  const object = (properties: Json): Json => ({ type: 'object', properties });
  it.each([
    [
      'no type',
      object({ a: {} }),
      ['.properties[a].type: Required value: must not be empty for specified object fields'],
    ],
    ['a root that is no object', { type: 'string' }, ['.type: Invalid value: "string": must be object at the root']],
    [
      'references',
      object({ a: { type: 'object', $ref: '#/x' } }),
      ['.properties[a].$ref: Forbidden: $ref is not supported'],
    ],
    [
      'unique items',
      object({ a: { type: 'array', uniqueItems: true, items: { type: 'string' } } }),
      [
        '.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ],
    ],
    [
      'properties beside additionalProperties',
      object({
        a: { type: 'object', properties: { b: { type: 'string' } }, additionalProperties: { type: 'string' } },
      }),
      ['.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive'],
    ],
    [
      'a broken pattern',
      object({ a: { type: 'string', pattern: '([' } }),
      [
        expect.stringContaining(
          `.properties[a].pattern: Invalid value: "([": must be a valid regular expression, but isn't: `,
        ),
      ],
    ],
    [
      'a default that does not fit',
      object({ a: { type: 'integer', default: 'x' } }),
      [
        expect.stringMatching(
          /^\.properties\[a\]\.default: Invalid value: "string": .* must be of type integer: "string"$/,
        ),
      ],
    ],
    [
      'list keys that are no properties',
      object({
        a: {
          type: 'array',
          items: { type: 'object', properties: { n: { type: 'string' } } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['m'],
        },
      }),
      [
        '.properties[a].x-kubernetes-list-map-keys[0]: Invalid value: "m": entries must all be names of item properties',
      ],
    ],
    [
      'list keys that may be absent',
      object({
        a: {
          type: 'array',
          items: { type: 'object', properties: { n: { type: 'string' } } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['n'],
        },
      }),
      [
        '.properties[a].items.properties[n].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      ],
    ],
    [
      'forms inside of anyOf',
      object({
        a: { type: 'object', properties: { b: { type: 'string' } }, anyOf: [{ properties: { c: { minLength: 1 } } }] },
      }),
      [
        '.properties[a].properties[c]: Required value: because it is defined in spec.versions[0].schema.openAPIV3Schema.properties[a].anyOf[0].properties[c]',
      ],
    ],
    [
      'metadata',
      object({ metadata: { type: 'object', properties: { labels: { type: 'object' } } } }),
      [
        '.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
      ],
    ],
    [
      'fields that are not kept',
      object({ a: { type: 'object', 'x-kubernetes-preserve-unknown-fields': false } }),
      ['.properties[a].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined'],
    ],
  ])('is refused with %s', async (_what, schema, wanted) => {
    expect(await refused(schema)).toEqual(wanted);
  });

  it('is bounded', async () => {
    let deep: Json = { type: 'object' };
    for (let level = 0; level < 220; level += 1) deep = { type: 'object', properties: { a: deep } };
    expect((await refused(deep)).join()).toContain('schemas may be 200 levels deep');
    const wide = Object.fromEntries(Array.from({ length: 51_000 }, (_, index) => [`a${index}`, { type: 'string' }]));
    expect((await refused(object(wide))).join()).toContain('consist of 50000 schemas');
  }, 20_000);
});

describe('objects by their schema', () => {
  it('lose what it does not have, and say so as strictly as is asked', async () => {
    const path = await serve(
      specOf({ a: { type: 'string' }, open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }),
    );
    const spec = { a: 'x', b: 1, open: { c: { d: 1 } } };
    const created = await create(path, spec, { top: 1 });
    expect(created.body).not.toHaveProperty('top');
    expect(created.body.spec).toEqual({ a: 'x', open: { c: { d: 1 } } });
    expect(created.headers['warning']).toContain('unknown field \\"spec.b');
    const strict = await server.send('POST', `${path}?fieldValidation=Strict`, {
      body: { metadata: { name: 'b', unknown: 1 }, spec },
    });
    expect(strict.body).toMatchObject({ reason: 'BadRequest' });
    expect(strict.body.message).toContain(
      'strict decoding error: unknown field "metadata.unknown", unknown field "spec.b"',
    );
    const ignored = await server.send('POST', `${path}?fieldValidation=Ignore`, {
      body: { metadata: { name: 'b' }, spec },
    });
    expect(ignored).toMatchObject({ status: 201 });
    expect(ignored.headers).not.toHaveProperty('warning');
  });

  it('are refused in the words of Kubernetes', async () => {
    const path = await serve(
      specOf(
        {
          n: { type: 'integer', minimum: 1, maximum: 10 },
          s: { type: 'string', pattern: '^a+$', maxLength: 3 },
          e: { type: 'string', enum: ['x', 'y'] },
          l: { type: 'array', items: { type: 'string' }, maxItems: 1 },
          u: { type: 'array', items: { type: 'integer' }, 'x-kubernetes-list-type': 'set' },
          d: { type: 'string', format: 'date-time' },
          i: { 'x-kubernetes-int-or-string': true },
          m: { type: 'object', additionalProperties: { type: 'boolean' } },
        },
        { required: ['n'], oneOf: [{ required: ['s'] }, { required: ['e'] }] },
      ),
    );
    const { body } = await create(path, {
      s: 'bbbb',
      e: 'z',
      l: ['a', 1],
      u: [1, 2, 1],
      d: 'yesterday',
      i: true,
      m: { k: 'no' },
    });
    expect(body).toMatchObject({ reason: 'Invalid', code: 422 });
    const causes = (body.details.causes as { field: string; message: string }[]).map(
      ({ field, message }) => `${field}: ${message}`,
    );
    expect(causes).toEqual([
      'spec.n: Required value',
      'spec.s: Too long: may not be more than 3 bytes',
      `spec.s: Invalid value: "bbbb": spec.s in body should match '^a+$'`,
      'spec.e: Unsupported value: "z": supported values: "x", "y"',
      'spec.l: Too many: 2: must have at most 1 item',
      'spec.l[1]: Invalid value: "integer": spec.l[1] in body must be of type string: "integer"',
      'spec.d: Invalid value: "yesterday": spec.d in body must be of type date-time: "yesterday"',
      'spec.i: Invalid value: "boolean": spec.i in body must be of type integer,string: "boolean"',
      'spec.m.k: Invalid value: "string": spec.m.k in body must be of type boolean: "string"',
      '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives',
      'spec.u[2]: Duplicate value: 1',
    ]);
  });

  it('get defaults when they are written and when they are read, by the schema of the moment', async () => {
    const level = { type: 'object', default: {}, properties: { x: { type: 'integer', default: 1 } } };
    const path = await serve(
      specOf({ level, gone: { type: 'string' }, free: { type: 'string', nullable: true, default: 'free' } }),
    );
    const created = await create(path, { gone: null, free: null });
    expect(created.body.spec).toEqual({ free: null, level: { x: 1 } });
    const name = path.split('/')[2] ?? '';
    const changed = { ...level, properties: { ...level.properties, y: { type: 'integer', default: 2 } } };
    const schema = { openAPIV3Schema: { type: 'object', properties: specOf({ level: changed }) } };
    const [version] = [{ ...versionOf('v1', {}), schema }];
    await server.send('PATCH', `${crdPath}/crontabs.${name}`, {
      type: 'application/merge-patch+json',
      body: { spec: { versions: [version] } },
    });
    await eventually('the new default', async () => {
      expect((await server.send('GET', `${path}/a`)).body.spec).toEqual({ level: { x: 1, y: 2 } });
    });
    expect((await server.send('GET', path)).body.items[0].spec).toEqual({ level: { x: 1, y: 2 } });
  });

  it('that were valid once may stay as they are where they are not changed', async () => {
    const path = await serve(specOf({ a: { type: 'string' }, b: { type: 'integer' } }));
    await create(path, { a: 'long', b: 1 });
    const name = path.split('/')[2] ?? '';
    const version = versionOf('v1', specOf({ a: { type: 'string', maxLength: 2 }, b: { type: 'integer' } }));
    await server.send('PATCH', `${crdPath}/crontabs.${name}`, {
      type: 'application/merge-patch+json',
      body: { spec: { versions: [version] } },
    });
    const type = 'application/merge-patch+json';
    await eventually('the stricter schema', async () => {
      expect((await server.send('POST', path, { body: { metadata: { name: 'b' }, spec: { a: 'long' } } })).status).toBe(
        422,
      );
    });
    expect((await server.send('PATCH', `${path}/a`, { type, body: { spec: { b: 2 } } })).status).toBe(200);
    expect((await server.send('PATCH', `${path}/a`, { type, body: { spec: { a: 'longer' } } })).status).toBe(422);
  });

  it('hold embedded objects', async () => {
    const template = {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
    };
    const path = await serve(specOf({ template }));
    const missing = await create(path, { template: { metadata: {} } });
    expect(missing.body.message).toContain('spec.template.apiVersion: Required value: must not be empty');
    const inner = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x', odd: 1 }, spec: { a: 'b', c: 1 }, other: 1 };
    const { body } = await create(path, { template: inner });
    expect(body.spec.template).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' }, spec: { a: 'b' } });
  });

  it('take no more time than there is, whatever the expression', async () => {
    const path = await serve(specOf({ s: { type: 'string', pattern: '^(a+)+$' } }));
    expect((await create(path, { s: `${'a'.repeat(50_000)}!` })).status).toBe(422);
    const anyOf = [...Array.from({ length: 999 }, (_, n) => ({ maximum: n })), { minimum: 1000 }];
    const many = await serve(specOf({ l: { type: 'array', items: { type: 'integer', anyOf } } }));
    const { body } = await create(many, { l: Array.from({ length: 1000 }, () => 1000) });
    expect(body.message).toContain('too large for the schema');
  }, 20_000);
});
