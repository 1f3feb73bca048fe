/** Every kind that is served goes through its whole life: no kind is left out, for discovery says which there are. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type HttpWatch, type TestApiServer } from '../support/api-server.ts';
import { samples, type Sample } from './apiserver-kinds-samples.ts';

let server: TestApiServer;
const watches: HttpWatch[] = [];
const selected = 'labelSelector=life%3Dtest';
const tableType = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const applyType = 'application/apply-patch+yaml';

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
  await server.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'elsewhere' } } });
});
afterAll(async () => {
  for (const watch of watches) watch.stop();
  await server.stop();
});

/** Paths of a sample's objects. */
class Paths {
  readonly all: string;
  readonly collection: string;
  readonly elsewhere: string;

  constructor({ path }: Sample, namespaced: boolean) {
    const parts = path.split('/');
    const resource = parts.pop() ?? '';
    const root = `${rootOf(path)}${parts.join('/')}`;
    this.all = `${root}/${resource}`;
    this.collection = namespaced ? `${root}/namespaces/default/${resource}` : this.all;
    this.elsewhere = namespaced ? `${root}/namespaces/elsewhere/${resource}` : this.all;
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

const contentOf = (sample: Sample, name: string): Readonly<Record<string, unknown>> =>
  sample.objectOf?.(name) ?? sample.object;
const versionOf = ({ path }: Sample): string => path.slice(0, path.lastIndexOf('/'));

function objectOf(sample: Sample, name: string, life = 'test'): Record<string, unknown> {
  const metadata = { name, labels: { life } };
  return { apiVersion: versionOf(sample), kind: sample.kind, metadata, ...contentOf(sample, name) };
}

const patches: readonly [string, string, unknown][] = [
  ['json', 'application/json-patch+json', [{ op: 'add', path: '/metadata/labels/json', value: 'yes' }]],
  ['merge', 'application/merge-patch+json', { metadata: { labels: { merge: 'yes' } } }],
  ['strategic', 'application/strategic-merge-patch+json', { metadata: { labels: { strategic: 'yes' } } }],
];

/** `apps/v1/deployments` and `v1/pods`, but no `v1/pods/status`, and none that is made at each read. */
function isKind(name: string, { verbs }: Entry): boolean {
  const parts = name.split('/').length;
  return parts === (/^v\d/.test(name) ? 2 : 3) && verbs.includes('list') && verbs.includes('create');
}

const whole = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** Each of them takes too much along. */
const notInCollections = ['v1/namespaces'];

it('has a sample of every stored kind', () => {
  const stored = [...entries].filter(([name, entry]) => isKind(name, entry)).map(([name]) => name);
  expect(samples.map(({ path }) => path).toSorted()).toEqual(stored.toSorted());
});

describe.each(samples.map((sample) => [sample.path, sample] as const))('%s', (path, sample) => {
  const [first, second] = sample.names ?? ['a', 'b'];

  it('lives', async () => {
    const entry = entries.get(path);
    expect(entry).toMatchObject({ kind: sample.kind });
    const collected = !notInCollections.includes(path);
    expect(entry?.verbs.toSorted()).toEqual(whole.filter((verb) => collected || verb !== 'deletecollection'));
    const namespaced = entry?.namespaced ?? false;
    const paths = new Paths(sample, namespaced);
    const before = await expects(200, server.send('GET', paths.all));
    const version = before.body.metadata.resourceVersion as string;

    const created = await create(paths, first, sample);
    const watch = server.watch(`${paths.all}?watch=1&${selected}&resourceVersion=${version}`);
    watches.push(watch);
    await expects(201, server.send('POST', paths.collection, { body: objectOf(sample, second) }));
    expect((await expects(200, server.send('GET', paths.of(first)))).text).toBe(created.text);
    if (namespaced) await liveElsewhere(paths, first, sample);
    await listByLabel(paths, sample);

    await replaceAndPatch(paths, first, sample);
    await applyTo(paths, first, sample);
    await writeStatus(paths, first, sample);
    await scale(paths, first, sample);
    await showTable(paths, sample);

    await remove(paths, first, sample);
    await removeByLabel(paths, [first, second], sample, collected);
    await until(() => watch.events.filter(({ type }) => type === 'DELETED').length === 2, {
      what: 'both deletions to be watched',
      timeoutMs: 10_000,
    });
    checkEvents(watch, [first, second], created);
    watch.stop();
  });
});

/** A dry run leaves nothing behind, and the object is there only once. */
async function create(paths: Paths, name: string, sample: Sample): Promise<Answer> {
  const body = objectOf(sample, name);
  await expects(201, server.send('POST', `${paths.collection}?dryRun=All`, { body }));
  await expects(404, server.send('GET', paths.of(name)));
  const unknown = { ...body, spoon: 1 };
  const strict = await expects(
    400,
    server.send('POST', `${paths.collection}?fieldValidation=Strict`, { body: unknown }),
  );
  expect(strict.body.message).toContain('unknown field "spoon"');
  const warned = await expects(201, server.send('POST', `${paths.collection}?dryRun=All`, { body: unknown }));
  expect(String(warned.headers['warning'])).toContain('unknown field');
  const created = await expects(201, server.send('POST', paths.collection, { body }));
  expect(created.body).toMatchObject(body);
  const twice = await expects(409, server.send('POST', paths.collection, { body }));
  expect(twice.body.reason).toBe('AlreadyExists');
  return created;
}

/** An object of the same name and label in another namespace: lists of one namespace and of all tell them apart. */
async function liveElsewhere(paths: Paths, name: string, sample: Sample): Promise<void> {
  const content = JSON.parse(
    JSON.stringify(objectOf(sample, name, 'other')).replaceAll('"default"', '"elsewhere"'),
  ) as object;
  await expects(201, server.send('POST', paths.elsewhere, { body: content }));
  const here = await expects(200, server.send('GET', `${paths.collection}?labelSelector=life`));
  const everywhere = await expects(200, server.send('GET', `${paths.all}?labelSelector=life`));
  expect(namesIn(everywhere)).toHaveLength(namesIn(here).length + 1);
  await expects(200, server.send('DELETE', `${paths.elsewhere}/${name}`));
}

const namesIn = ({ body }: Answer): string[] =>
  (body.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);

async function listByLabel(paths: Paths, sample: Sample): Promise<void> {
  for (const list of [paths.collection, paths.all]) {
    const answer = await expects(200, server.send('GET', `${list}?${selected}`));
    expect(answer.body.kind).toBe(`${sample.kind}List`);
    expect(namesIn(answer)).toHaveLength(2);
  }
  const none = await expects(200, server.send('GET', `${paths.all}?labelSelector=life%3Dnever`));
  expect(none.body.items).toEqual([]);
}

async function replaceAndPatch(paths: Paths, name: string, sample: Sample): Promise<void> {
  const { body } = await server.send('GET', paths.of(name));
  const changed = { ...body, metadata: { ...body.metadata, labels: { ...body.metadata.labels, put: 'yes' } } };
  const put = await expects(200, server.send('PUT', paths.of(name), { body: changed }));
  expect(put.body.metadata.generation).toBe(body.metadata.generation);
  expect((await expects(409, server.send('PUT', paths.of(name), { body: changed }))).body.reason).toBe('Conflict');
  for (const [, type, patch] of patches)
    await expects(200, server.send('PATCH', paths.of(name), { type, body: patch }));
  const dry = { metadata: { labels: { dry: 'yes' } } };
  const [, mergeType] = patches[1] ?? [];
  await expects(200, server.send('PATCH', `${paths.of(name)}?dryRun=All`, { type: mergeType ?? '', body: dry }));
  const after = await server.send('GET', paths.of(name));
  const labels = { life: 'test', put: 'yes', json: 'yes', merge: 'yes', strategic: 'yes' };
  expect(after.body).toMatchObject({ ...contentOf(sample, name), metadata: { labels } });
  expect(after.body.metadata.labels.dry).toBeUndefined();
}

/** Server-side apply: what one manager has, another one takes only by force. */
async function applyTo(paths: Paths, name: string, { path, kind }: Sample): Promise<void> {
  const apiVersion = path.slice(0, path.lastIndexOf('/'));
  const body = (value: string): object => ({ apiVersion, kind, metadata: { name, labels: { apply: value } } });
  const send = (manager: string, value: string, query = ''): Promise<Answer> =>
    server.send('PATCH', `${paths.of(name)}?fieldManager=${manager}${query}`, { type: applyType, body: body(value) });
  expect((await expects(200, send('one', 'yes'))).body.metadata.labels.apply).toBe('yes');
  expect((await expects(409, send('two', 'no'))).body.details.causes).toMatchObject([
    { reason: 'FieldManagerConflict', field: '.metadata.labels.apply' },
  ]);
  expect((await expects(200, send('two', 'no', '&force=true'))).body.metadata.labels.apply).toBe('no');
}

/** Kinds whose /status takes nothing of metadata along: among them all whose status nodes write. */
const statusAlone = [
  'Pod',
  'Node',
  'PersistentVolumeClaim',
  'VolumeAttachment',
  'ResourceClaim',
  'ValidatingAdmissionPolicy',
  'FlowSchema',
  'PriorityLevelConfiguration',
  'CustomResourceDefinition',
  'APIService',
];

async function writeStatus(paths: Paths, name: string, sample: Sample): Promise<void> {
  const served = entries.has(`${sample.path}/status`);
  expect(served).toBe(sample.status !== undefined);
  if (sample.status === undefined) {
    await expects(404, server.send('GET', paths.of(name, 'status')));
    return;
  }
  const { body } = await expects(200, server.send('GET', paths.of(name, 'status')));
  const before = { ...body, spec: body.spec as unknown };
  const { labels, annotations } = body.metadata;
  const taken = { taken: 'yes' };
  const metadata = { ...body.metadata, labels: { ...labels, ...taken }, annotations: { ...annotations, ...taken } };
  const put = await expects(
    200,
    server.send('PUT', paths.of(name, 'status'), { body: { ...body, metadata, status: sample.status } }),
  );
  expect(put.body.status).toMatchObject(sample.status);
  expect(put.body.spec).toEqual(before.spec);
  const isAlone = statusAlone.includes(sample.kind);
  expect(put.body.metadata.annotations?.taken).toBe(isAlone ? undefined : 'yes');
  expect(put.body.metadata.labels?.taken).toBe(isAlone || sample.kind === 'Deployment' ? undefined : 'yes');
  const patched = await patchStatus(paths, name, sample);
  // By the object itself the status stays as it is.
  const whole = await expects(200, server.send('PUT', paths.of(name), { body: { ...patched.body, status: {} } }));
  expect(whole.body.status).toEqual(patched.body.status);
}

async function patchStatus(paths: Paths, name: string, { path, kind, status }: Sample): Promise<Answer> {
  const target = paths.of(name, 'status');
  const ofStatus: readonly [string, unknown][] = [
    ['application/json-patch+json', [{ op: 'add', path: '/status', value: status }]],
    ['application/strategic-merge-patch+json', { status }],
    ['application/merge-patch+json', { status, spec: { ignored: 1 } }],
  ];
  let last: Answer | undefined;
  for (const [type, body] of ofStatus) {
    last = await expects(200, server.send('PATCH', target, { type, body }));
    expect(last.body.status).toMatchObject(status ?? {});
  }
  const apiVersion = path.slice(0, path.lastIndexOf('/'));
  const body = { apiVersion, kind, metadata: { name }, status };
  const apply = server.send('PATCH', `${target}?fieldManager=status&force=true`, { type: applyType, body });
  last = await expects(200, apply);
  expect(last.body.status).toMatchObject(status ?? {});
  return last;
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
  await expects(200, server.send('DELETE', `${paths.of(name)}?dryRun=All`));
  const { body: kept } = await expects(200, server.send('GET', paths.of(name)));
  const preconditions = { uid: 'another' };
  await expects(409, server.send('DELETE', paths.of(name), { body: { preconditions } }));
  await expects(
    200,
    server.send('DELETE', paths.of(name), { body: { preconditions: { uid: kept.metadata.uid as string } } }),
  );
  if (sample.lingers === true) {
    const { body } = await expects(200, server.send('GET', paths.of(name)));
    expect(body.metadata.deletionTimestamp).toEqual(expect.any(String));
    await finalize(paths, name);
  }
  await expects(404, server.send('GET', paths.of(name)));
}

/** The other object, and not the one without the label. */
async function removeByLabel(
  paths: Paths,
  [first, second]: readonly [string, string],
  sample: Sample,
  collected: boolean,
): Promise<void> {
  await expects(201, server.send('POST', paths.collection, { body: objectOf(sample, first, 'bystander') }));
  await expects(collected ? 200 : 405, server.send('DELETE', `${paths.collection}?${selected}&dryRun=All`));
  expect(namesIn(await expects(200, server.send('GET', `${paths.all}?${selected}`)))).toEqual([second]);
  await expects(collected ? 200 : 405, server.send('DELETE', `${paths.collection}?${selected}`));
  if (!collected) await expects(200, server.send('DELETE', paths.of(second)));
  if (sample.lingers === true) await finalize(paths, second);
  expect(namesIn(await expects(200, server.send('GET', `${paths.all}?${selected}`)))).toEqual([]);
  expect(namesIn(await expects(200, server.send('GET', `${paths.all}?labelSelector=life`)))).toEqual([first]);
  await expects(200, server.send('DELETE', paths.of(first)));
}

/** What the controller of namespaces does. */
async function finalize(paths: Paths, name: string): Promise<void> {
  const { body } = await server.send('GET', paths.of(name));
  if (body.kind === 'Namespace') {
    await server.send('PUT', paths.of(name, 'finalize'), { body: { ...body, spec: { finalizers: [] } } });
    return;
  }
  await server.send('PUT', paths.of(name), { body: { ...body, metadata: { ...body.metadata, finalizers: [] } } });
}

/** A watch that begins before the first object sees all of it, in order, and nothing without the label. */
function checkEvents(watch: HttpWatch, [first, second]: readonly [string, string], created: Answer): void {
  const seen = watch.events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  expect(seen.slice(0, 2)).toEqual([`ADDED ${first}`, `ADDED ${second}`]);
  expect(watch.events[0]?.object).toEqual(created.body);
  expect(seen.filter((line) => line.startsWith('ADDED'))).toHaveLength(2);
  expect(seen.filter((line) => line === `MODIFIED ${first}`).length).toBeGreaterThanOrEqual(6);
  expect(seen.filter((line) => line.startsWith('DELETED'))).toEqual([`DELETED ${first}`, `DELETED ${second}`]);
  const versions = watch.events.map(({ object }) => Number(object.metadata.resourceVersion));
  expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
}
