/** Every kind that is served goes through its whole life: no kind is left out, for discovery says which there are. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type HttpWatch, type TestApiServer } from '../support/api-server.ts';
import { samples, type Sample } from './apiserver-kinds-samples.ts';

let server: TestApiServer;
const watches: HttpWatch[] = [];
const selected = 'labelSelector=life%3Dtest';
const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io';

interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

/** By path of the group and version. */
const entries = new Map<string, Entry>();

function rootOf(path: string): string {
  return path.split('/').length === 2 ? '/api/' : '/apis/';
}

async function discover(): Promise<void> {
  const groups = (await server.send('GET', '/apis')).body.groups as { versions: { groupVersion: string }[] }[];
  const versions = ['v1', ...groups.flatMap((group) => group.versions.map(({ groupVersion }) => groupVersion))];
  for (const version of versions) {
    const { body } = await server.send('GET', `${version.includes('/') ? '/apis/' : '/api/'}${version}`);
    for (const entry of body.resources as Entry[]) entries.set(`${version}/${entry.name}`, entry);
  }
}

beforeAll(async () => {
  server = await startApiServer();
  await discover();
});
afterAll(async () => {
  for (const watch of watches) watch.stop();
  await server.stop();
});

/** Paths of a sample's objects. */
class Paths {
  readonly all: string;
  readonly collection: string;

  constructor({ path }: Sample, namespaced: boolean) {
    const parts = path.split('/');
    const resource = parts.pop() ?? '';
    const root = `${rootOf(path)}${parts.join('/')}`;
    this.all = `${root}/${resource}`;
    this.collection = namespaced ? `${root}/namespaces/default/${resource}` : this.all;
  }

  of(name: string, subresource = ''): string {
    return `${this.collection}/${name}${subresource === '' ? '' : `/${subresource}`}`;
  }
}

async function expects(status: number, answer: Promise<Answer>): Promise<Answer> {
  const given = await answer;
  // What the server complains about says more than the number.
  const complaint = given.status < 400 ? undefined : (given.body?.message as unknown);
  expect({ status: given.status, complaint: status < 400 ? complaint : undefined }).toEqual({ status });
  return given;
}

function objectOf(sample: Sample, name: string): Record<string, unknown> {
  const version = sample.path.slice(0, sample.path.lastIndexOf('/'));
  return { apiVersion: version, kind: sample.kind, metadata: { name, labels: { life: 'test' } }, ...sample.object };
}

const patches: readonly [string, string, unknown][] = [
  ['json', 'application/json-patch+json', [{ op: 'add', path: '/metadata/labels/json', value: 'yes' }]],
  ['merge', 'application/merge-patch+json', { metadata: { labels: { merge: 'yes' } } }],
  ['strategic', 'application/strategic-merge-patch+json', { metadata: { labels: { strategic: 'yes' } } }],
];

/** `apps/v1/deployments` and `v1/pods`, but no `v1/pods/status`. */
function isKind(name: string, { verbs }: Entry): boolean {
  const parts = name.split('/').length;
  return parts === (/^v\d/.test(name) ? 2 : 3) && verbs.includes('list');
}

it('has a sample of every stored kind', () => {
  const stored = [...entries].filter(([name, entry]) => isKind(name, entry)).map(([name]) => name);
  expect(samples.map(({ path }) => path).toSorted()).toEqual(stored.toSorted());
});

describe.each(samples.map((sample) => [sample.path, sample] as const))('%s', (path, sample) => {
  const [first, second] = sample.names ?? ['a', 'b'];

  it('lives', async () => {
    const entry = entries.get(path);
    expect(entry).toMatchObject({ kind: sample.kind });
    expect(entry?.verbs.toSorted()).toEqual([
      'create',
      'delete',
      'deletecollection',
      'get',
      'list',
      'patch',
      'update',
      'watch',
    ]);
    const paths = new Paths(sample, entry?.namespaced ?? false);
    const watch = server.watch(`${paths.all}?watch=1&${selected}&resourceVersion=0`);
    watches.push(watch);

    const created = await expects(201, server.send('POST', paths.collection, { body: objectOf(sample, first) }));
    expect(created.body).toMatchObject(objectOf(sample, first));
    await expects(201, server.send('POST', paths.collection, { body: objectOf(sample, second) }));
    const got = await expects(200, server.send('GET', paths.of(first)));
    expect(got.text).toBe(created.text);
    for (const list of [paths.collection, paths.all]) {
      const { body } = await expects(200, server.send('GET', `${list}?${selected}`));
      expect(body.kind).toBe(`${sample.kind}List`);
      expect(body.items).toHaveLength(2);
    }

    await replaceAndPatch(paths, first, sample);
    await writeStatus(paths, first, sample);
    await scale(paths, first, sample);
    await showTable(paths, sample);

    await remove(paths, first, sample);
    await expects(200, server.send('DELETE', `${paths.collection}?${selected}`));
    if (sample.lingers === true) await finalize(paths, second);
    const left = await expects(200, server.send('GET', `${paths.all}?${selected}`));
    expect(left.body.items).toEqual([]);

    await until(() => watch.events.filter(({ type }) => type === 'DELETED').length === 2, {
      what: 'both deletions to be watched',
      timeoutMs: 10_000,
    });
    checkEvents(watch, first, second);
    watch.stop();
  });
});

async function replaceAndPatch(paths: Paths, name: string, sample: Sample): Promise<void> {
  const { body } = await server.send('GET', paths.of(name));
  const changed = { ...body, metadata: { ...body.metadata, labels: { ...body.metadata.labels, put: 'yes' } } };
  const put = await expects(200, server.send('PUT', paths.of(name), { body: changed }));
  expect(put.body.metadata.generation).toBe(body.metadata.generation);
  for (const [, type, patch] of patches)
    await expects(200, server.send('PATCH', paths.of(name), { type, body: patch }));
  const after = await server.send('GET', paths.of(name));
  expect(after.body).toMatchObject({
    ...sample.object,
    metadata: { labels: { put: 'yes', json: 'yes', merge: 'yes', strategic: 'yes' } },
  });
}

async function writeStatus(paths: Paths, name: string, sample: Sample): Promise<void> {
  const served = entries.has(`${sample.path}/status`);
  expect(served).toBe(sample.status !== undefined);
  if (sample.status === undefined) {
    await expects(404, server.send('GET', paths.of(name, 'status')));
    return;
  }
  const { body } = await expects(200, server.send('GET', paths.of(name, 'status')));
  const before = { ...body, spec: body.spec as unknown };
  const metadata = { ...body.metadata, annotations: { ignored: 'yes' } };
  const put = await expects(
    200,
    server.send('PUT', paths.of(name, 'status'), { body: { ...body, metadata, status: sample.status } }),
  );
  expect(put.body.status).toMatchObject(sample.status);
  expect(put.body.spec).toEqual(before.spec);
  expect(put.body.metadata.annotations?.ignored).toBeUndefined();
  const type = 'application/merge-patch+json';
  const patched = await expects(
    200,
    server.send('PATCH', paths.of(name, 'status'), { type, body: { status: sample.status, spec: { ignored: 1 } } }),
  );
  expect(patched.body.status).toMatchObject(sample.status);
  // By the object itself the status stays as it is.
  const whole = await expects(200, server.send('PUT', paths.of(name), { body: { ...patched.body, status: {} } }));
  expect(whole.body.status).toEqual(patched.body.status);
}

/** Kinds with replicas are scaled without a look at the rest of them. */
const scaled = ['apps/v1/deployments', 'apps/v1/replicasets', 'apps/v1/statefulsets', 'v1/replicationcontrollers'];

async function scale(paths: Paths, name: string, sample: Sample): Promise<void> {
  expect(entries.has(`${sample.path}/scale`)).toBe(scaled.includes(sample.path));
  if (!scaled.includes(sample.path)) return;
  const { body } = await expects(200, server.send('GET', paths.of(name, 'scale')));
  expect(body).toMatchObject({ kind: 'Scale', apiVersion: 'autoscaling/v1', status: { selector: 'app=x' } });
  await expects(200, server.send('PUT', paths.of(name, 'scale'), { body: { ...body, spec: { replicas: 7 } } }));
  expect((await server.send('GET', paths.of(name))).body.spec.replicas).toBe(7);
}

async function showTable(paths: Paths, sample: Sample): Promise<void> {
  const { body } = await expects(
    200,
    server.send('GET', `${paths.collection}?${selected}`, { headers: { accept: tableType } }),
  );
  const columns = body.columnDefinitions as { name: string; priority: number; description: string }[];
  const names = (priority: number): string =>
    columns
      .filter((column) => column.priority === priority)
      .map((column) => column.name)
      .join(', ');
  expect([names(0), names(1)]).toEqual(sample.columns);
  expect(body.rows).toHaveLength(2);
  for (const row of body.rows) {
    expect(row.cells).toHaveLength(columns.length);
    for (const cell of row.cells) expect(['string', 'number', 'boolean']).toContain(typeof cell);
  }
}

async function remove(paths: Paths, name: string, sample: Sample): Promise<void> {
  await expects(200, server.send('DELETE', paths.of(name)));
  if (sample.lingers === true) {
    const { body } = await expects(200, server.send('GET', paths.of(name)));
    expect(body.metadata.deletionTimestamp).toEqual(expect.any(String));
    await finalize(paths, name);
  }
  await expects(404, server.send('GET', paths.of(name)));
}

/** What the controller of namespaces does. */
async function finalize(paths: Paths, name: string): Promise<void> {
  const { body } = await server.send('GET', paths.of(name));
  await server.send('PUT', paths.of(name, 'finalize'), { body: { ...body, spec: { finalizers: [] } } });
}

function checkEvents(watch: HttpWatch, first: string, second: string): void {
  const seen = watch.events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  expect(seen.slice(0, 2)).toEqual([`ADDED ${first}`, `ADDED ${second}`]);
  expect(seen.filter((line) => line === `MODIFIED ${first}`).length).toBeGreaterThanOrEqual(4);
  expect(seen.filter((line) => line.startsWith('DELETED'))).toEqual([`DELETED ${first}`, `DELETED ${second}`]);
  const versions = watch.events.map(({ object }) => Number(object.metadata.resourceVersion));
  expect(versions).toEqual(versions.toSorted((a, b) => a - b));
}
