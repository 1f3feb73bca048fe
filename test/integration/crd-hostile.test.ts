/** Definitions that are made to take the server's time or memory, and objects that are made for them. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerCrd from '@timonel/plugin-controller-crd';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { crdOf, crdPath, eventually, serveCrd, versionOf, type Json } from '../support/crds.ts';

const merge = 'application/merge-patch+json';
const text = { type: 'string' };
let server: TestApiServer;
let count = 0;

beforeAll(async () => {
  server = await startApiServer({ plugins: [controllerCrd] });
});
afterAll(() => server.stop());

const specOf = (properties: Json, more: Json = {}): Json => ({ spec: { type: 'object', properties, ...more } });
const many = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));

/** Serves a kind with a schema; answers the path of its objects and of its definition. */
async function serve(properties: Json, version: Json = {}): Promise<{ path: string; definition: string }> {
  count += 1;
  const group = `hostile${count}.example.com`;
  await serveCrd(server, { group, versions: [versionOf('v1', properties, version)] });
  return { path: `/apis/${group}/v1/namespaces/default/crontabs`, definition: `${crdPath}/crontabs.${group}` };
}
const create = (path: string, spec: unknown, name = 'a'): Promise<Answer> =>
  server.send('POST', path, { body: { metadata: { name }, spec } });
const define = (properties: Json, version: Json = {}): Promise<Answer> =>
  server.send('POST', `${crdPath}?dryRun=All`, { body: crdOf({ versions: [versionOf('v1', properties, version)] }) });

const answerLimit = 3_000_000;
/** Whatever was attacked, others are answered. */
async function serves(): Promise<void> {
  expect((await server.send('GET', '/api/v1/namespaces/default/configmaps')).status).toBe(200);
}

describe('a hostile definition', () => {
  it('with a huge enum does not repeat it for each object that is wrong', async () => {
    const values = many(20_000, (index) => `${'x'.repeat(40)}${index}`);
    const { path } = await serve(specOf({ l: { type: 'array', items: { ...text, enum: values } } }));
    expect((await create(path, { l: many(1000, () => values.at(-1)) })).status).toBe(201);
    const wrong = await create(path, { l: many(1000, () => 'y') }, 'b');
    expect(wrong).toMatchObject({ status: 422 });
    expect(wrong.text.length).toBeLessThan(answerLimit);
    await serves();
  }, 30_000);

  it('is told of what objects lack only so often, and not in ever so long words', async () => {
    const names = many(20_000, (index) => `p${index}`);
    const properties = Object.fromEntries(names.map((name) => [name, text]));
    const item = { type: 'object', properties, required: names };
    const { path } = await serve(specOf({ l: { type: 'array', items: item } }));
    const lacking = await create(path, { l: many(300, () => ({})) });
    expect(lacking.body.details.causes.length).toBeLessThan(1000);
    const allOf = many(40, (index) => ({ pattern: `^${index}$` }));
    const { path: other } = await serve(specOf({ s: { ...text, allOf } }));
    const long = await create(other, { s: 'x'.repeat(50_000) });
    expect(long.status).toBe(422);
    for (const answer of [lacking, long]) expect(answer.text.length).toBeLessThan(answerLimit);
    await serves();
  }, 30_000);

  it('whose patterns take for ever with others is refused or done at once', async () => {
    for (const pattern of ['^(a+)+$', '^(a|aa)+$', '^(a|a?)+$', '(.*a){30}', '^([a-z]+)*\\d$']) {
      const { path } = await serve(specOf({ s: { ...text, pattern } }));
      const { status } = await create(path, { s: `${'a'.repeat(100_000)}!` });
      expect({ pattern, refused: status >= 400 }).toEqual({ pattern, refused: pattern !== '(.*a){30}' });
    }
    const { body } = await define(specOf({ s: { ...text, pattern: '((a{1000}){1000}){1000}' } }));
    expect(body).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(body.message).toContain('pattern: Invalid value');
    await serves();
  }, 60_000);

  it('with expressions that grow what they look at is refused, or ended', async () => {
    const doubled = many(40, () => '.map(x, x + x)').join('');
    const bombs = [
      `self.l${doubled}.size() > 0`,
      `${many(200, () => 'self.l.all(x, ').join('')}true${')'.repeat(200)}`,
      `self.s.matches('(a+)+$') && self.s.replace('', self.s).replace('', self.s).size() > 0`,
      `${'('.repeat(5000)}true${')'.repeat(5000)}`,
      `self.s == '${'x'.repeat(500_000)}'`,
    ];
    for (const rule of bombs) {
      const properties = specOf(
        { l: { type: 'array', maxItems: 100, items: text }, s: text },
        { 'x-kubernetes-validations': [{ rule }] },
      );
      const { status, text: said } = await define(properties);
      expect({ rule: rule.slice(0, 40), status }).toEqual({ rule: rule.slice(0, 40), status: 422 });
      expect(said.length).toBeLessThan(answerLimit);
    }
    await serves();
  }, 60_000);

  const rulesOf = (count: number, rule: (index: number) => string): Json => ({
    'x-kubernetes-validations': many(count, (index) => ({ rule: rule(index) })),
  });
  const shared = `[dyn([1])]${'.map(x, dyn([x, x]))'.repeat(17)}`;
  const numbers = { type: 'array', maxItems: 60, items: { type: 'integer' } };
  it.each<[string, Json, Json, Json, string]>([
    [
      'compare what contains itself over and over',
      { s: text },
      rulesOf(100, (index) => `${shared} == ${shared} || self.s == '${index}'`),
      { s: 'x' },
      'running out of cost budget',
    ],
    [
      'loop',
      { l: numbers, s: text },
      rulesOf(20, (index) => `self.l.all(a, self.l.all(b, self.l.all(c, a + b + c >= ${index - 20})))`),
      { l: many(60, (index) => index) },
      'running out of cost budget',
    ],
    [
      'cost nothing for each of many items',
      { l: { type: 'array', items: { ...text, ...rulesOf(100, () => 'true') } } },
      {},
      { l: many(100_000, () => '') },
      'running out of cost budget',
    ],
  ])(
    'with many rules that %s stops them all, and others are served meanwhile',
    async (_, properties, rules, spec, message) => {
      const { path } = await serve(specOf(properties, rules));
      let served = 0;
      const over = new AbortController();
      const others = async (): Promise<void> => {
        while (!over.signal.aborted) {
          await serves();
          served += 1;
        }
      };
      const created = create(path, spec).finally(() => over.abort());
      const [{ status, text: said, body }] = await Promise.all([created, others()]);
      expect(status).toBe(422);
      expect(body.message).toContain(message);
      expect(said.length).toBeLessThan(answerLimit);
      expect(served).toBeGreaterThan(1);
    },
    60_000,
  );

  it('with rules that fail for each of many items says so only so often', async () => {
    const { path } = await serve(specOf({ l: { type: 'array', items: { ...text, ...rulesOf(100, () => 'false') } } }));
    const { status, body } = await create(path, { l: many(100_000, () => '') });
    expect(status).toBe(422);
    expect(body.details.causes.length).toBeLessThan(1000);
    expect(body.message).toContain('failed rule: false');
    await serves();
  }, 30_000);

  it('whose defaults are large makes no object larger than one may be', async () => {
    const item = { type: 'object', properties: { a: { ...text, default: 'x'.repeat(100_000) } } };
    const { path } = await serve(specOf({ l: { type: 'array', items: item } }));
    expect((await create(path, { l: many(9, () => ({})) })).status).toBe(201);
    for (const length of [11, 10_000]) {
      const { body } = await create(path, { l: many(length, () => ({})) }, 'b');
      expect(body).toMatchObject({ code: 400, message: expect.stringContaining('too large for the schema') });
    }
    await serves();
  }, 60_000);

  it('whose defaults become large does not make answers of what is stored already that fill the memory', async () => {
    const withItems = (properties: Json): Json[] => [
      versionOf('v1', specOf({ l: { type: 'array', items: { type: 'object', properties } } })),
    ];
    const { path, definition } = await serve(
      specOf({ l: { type: 'array', items: { type: 'object', properties: { a: text } } } }),
    );
    for (const name of ['a', 'b'])
      expect((await create(path, { l: many(100_000, () => ({})) }, name)).status).toBe(201);
    const versions = withItems({ a: { ...text, default: 'x'.repeat(500_000) } });
    const changed = await server.send('PATCH', definition, { type: merge, body: { spec: { versions } } });
    expect(changed.status).toBe(200);
    await eventually('the new default', async () => {
      const fresh = await create(`${path}?dryRun=All`, { l: [{}] }, 'c');
      expect(fresh.body.spec.l[0].a.length).toBe(500_000);
    });
    // It is shown as it lies there; who writes it has to mend it.
    const list = await server.send('GET', path);
    expect(list.status).toBe(200);
    expect(list.body.items[0].spec.l.slice(0, 2)).toEqual([{}, {}]);
    const labelled = await server.send('PATCH', `${path}/a`, {
      type: merge,
      body: { metadata: { labels: { a: 'b' } } },
    });
    expect(labelled.body).toMatchObject({ code: 400, message: expect.stringContaining('too large for the schema') });
    expect((await server.send('DELETE', `${path}/a`)).status).toBe(200);
    // Nor is the definition stuck.
    expect((await server.send('DELETE', definition)).status).toBe(200);
    await eventually('all is gone', async () => {
      expect((await server.send('GET', definition)).status).toBe(404);
      expect((await server.send('GET', path)).status).toBe(404);
    });
    await serves();
  }, 60_000);

  it('with ever so many columns, categories, short names and fields to select by is bounded', async () => {
    const columns = many(100_000, (index) => ({ name: `c${index}`, type: 'string', jsonPath: `.spec.c${index}` }));
    const selectable = many(1000, (index) => ({ jsonPath: `.spec.c${index}` }));
    const properties = specOf(Object.fromEntries(many(1000, (index) => [`c${index}`, text])));
    const fields = await define(properties, { selectableFields: selectable });
    expect(fields.body.message).toContain('selectableFields: Too many');
    const wide = await define(properties, { additionalPrinterColumns: columns });
    expect(wide.status).toBeGreaterThanOrEqual(400);
    await serves();
  }, 60_000);

  it('keeps no object whose preserved fields are nested without end', async () => {
    const { path } = await serve({ spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } });
    const depth = 100_000;
    const nested = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const { status } = await server.send('POST', path, { body: `{"metadata":{"name":"deep"},"spec":${nested}}` });
    expect(status).toBe(400);
    await serves();
  }, 30_000);
});
