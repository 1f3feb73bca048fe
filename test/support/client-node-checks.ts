/**
 * The official client library for Node.js, as it is: informers that survive what happens, watches, patches, pages, apply. A program
 * of its own, for the library cannot be loaded under jest: prints a line of JSON for each check.
 */
import assert from 'node:assert/strict';
import {
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  Watch,
  type Informer,
  type ObjectCache,
  type V1ConfigMap,
} from '@kubernetes/client-node';
import { Relay } from './relay.ts';
import { until } from './until.ts';

const namespace = 'default';
/** Asks the process that has the server to forget the past. */
async function compact(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once('message', () => resolve());
    process.send?.('compact');
  });
}

const direct = new KubeConfig();
direct.loadFromFile(process.argv[2] ?? '');
const relay = await Relay.to(direct.getCurrentCluster()?.server ?? '');
const config = new KubeConfig();
config.loadFromFile(process.argv[2] ?? '');
config.clusters = config.clusters.map((cluster) => ({ ...cluster, server: relay.url }));
const core = config.makeApiClient(CoreV1Api);
const behind = direct.makeApiClient(CoreV1Api);
const informers: Informer<V1ConfigMap>[] = [];
const checks: [name: string, run: () => Promise<void>][] = [];

function check(name: string, run: () => Promise<void>): void {
  checks.push([name, run]);
}

const body = (name: string, data: Record<string, string> = {}): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, labels: { app: 'client' } },
  data,
});

/** Behind the back of the relay. */
const write = (name: string, text: string): Promise<V1ConfigMap> =>
  behind.patchNamespacedConfigMap(
    { namespace, name, body: { data: { text } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );

/** The promise must be rejected with the code, and a body that says why. */
async function refused(work: Promise<unknown>, code: number, text: string): Promise<void> {
  await assert.rejects(work, (error: { code?: number; body?: unknown }) => {
    assert.equal(error.code, code);
    assert.match(String(error.body), new RegExp(text));
    return true;
  });
}

interface Watched {
  readonly informer: Informer<V1ConfigMap> & ObjectCache<V1ConfigMap>;
  readonly seen: string[];
  readonly errors: unknown[];
}

/** What goes wrong comes to the informer's own callback. */
function begin(informer: Informer<V1ConfigMap>): void {
  informer.start().catch(() => undefined);
}

async function inform(labelSelector: string): Promise<Watched> {
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const list = (): ReturnType<CoreV1Api['listNamespacedConfigMap']> =>
    core.listNamespacedConfigMap({ namespace, labelSelector });
  const informer = makeInformer(config, path, list, labelSelector);
  const watched: Watched = { informer, seen: [], errors: [] };
  for (const verb of ['add', 'update', 'delete'] as const) {
    informer.on(verb, ({ metadata, data }) => watched.seen.push(`${verb} ${metadata?.name} ${data?.['text'] ?? ''}`));
  }
  // As the library's own examples do it.
  informer.on('error', (error: unknown) => {
    watched.errors.push(error);
    setTimeout(() => begin(informer), 50);
  });
  informers.push(informer);
  await informer.start();
  return watched;
}

const textOf = ({ informer }: Watched, name: string): string | undefined =>
  informer.get(name, namespace)?.data?.['text'];

check('informers: list, follow and filter', async () => {
  await core.createNamespacedConfigMap({ namespace, body: body('first', { text: '0' }) });
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'other' } } });
  const watched = await inform('app=client');
  await until(() => textOf(watched, 'first') === '0', { what: 'the first object' });
  await write('first', '1');
  await core.createNamespacedConfigMap({ namespace, body: body('second') });
  await core.deleteNamespacedConfigMap({ namespace, name: 'second' });
  await until(() => watched.seen.length >= 4, { what: 'all events' });
  assert.deepEqual(watched.seen, ['add first 0', 'update first 1', 'add second ', 'delete second ']);
  assert.deepEqual(
    watched.informer.list(namespace).map(({ metadata }) => metadata?.name),
    ['first'],
  );
  assert.deepEqual(watched.errors, []);
});

check('informers: go on where they were after the connection broke', async () => {
  const watched = await inform('app=client');
  await until(() => watched.informer.get('first', namespace) !== undefined, { what: 'the first object' });
  for (let round = 0; round < 3; round += 1) {
    await relay.cut();
    await write('first', `cut ${round}`);
    await relay.mend();
    await until(() => textOf(watched, 'first') === `cut ${round}`, { what: 'the change', timeoutMs: 15_000 });
  }
  const changes = watched.seen.filter((line) => line.startsWith('update'));
  assert.deepEqual(changes, [...new Set(changes)]);
});

check('informers: begin anew when what they missed is compacted away', async () => {
  const watched = await inform('app=client');
  await until(() => watched.informer.get('first', namespace) !== undefined, { what: 'the first object' });
  await core.createNamespacedConfigMap({ namespace, body: body('vanishes') });
  await until(() => watched.informer.get('vanishes', namespace) !== undefined, { what: 'the second object' });
  await relay.cut();
  await behind.deleteNamespacedConfigMap({ namespace, name: 'vanishes' });
  for (let round = 0; round < 60; round += 1) await write('first', `missed ${round}`);
  await compact();
  await relay.mend();
  await until(() => textOf(watched, 'first') === 'missed 59', { what: 'the newest state', timeoutMs: 15_000 });
  await until(() => watched.informer.get('vanishes', namespace) === undefined, { what: 'the deletion' });
  assert.ok(watched.seen.includes('delete vanishes '));
  await write('first', 'after');
  await until(() => textOf(watched, 'first') === 'after', { what: 'the next change' });
});

check('watches: bring changes and bookmarks, and end when they are told', async () => {
  const list = await core.listNamespacedConfigMap({ namespace });
  const events: string[] = [];
  const bookmarks: number[] = [];
  let ended = false;
  const controller = await new Watch(config).watch(
    `/api/v1/namespaces/${namespace}/configmaps`,
    { resourceVersion: list.metadata?.resourceVersion, allowWatchBookmarks: true },
    (phase, { metadata }: V1ConfigMap) => {
      if (phase === 'BOOKMARK') bookmarks.push(Number(metadata?.resourceVersion));
      else events.push(`${phase} ${metadata?.name}`);
    },
    () => (ended = true),
  );
  const { metadata } = await core.createNamespacedConfigMap({ namespace, body: body('watched') });
  await until(() => events.includes('ADDED watched'), { what: 'the event' });
  await until(() => (bookmarks.at(-1) ?? 0) >= Number(metadata?.resourceVersion), { what: 'a bookmark behind it' });
  controller.abort();
  await until(() => ended, { what: 'the end' });
  assert.deepEqual(events, ['ADDED watched']);
});

check('watches: from a version that is compacted away get 410', async () => {
  let failure: unknown;
  await compact();
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const phases: string[] = [];
  let code: unknown;
  await new Watch(config).watch(
    path,
    { resourceVersion: '1' },
    (phase, object: { code?: number }) => {
      phases.push(phase);
      code = object.code;
    },
    (error: unknown) => (failure = error ?? 'ended'),
  );
  await until(() => failure !== undefined, { what: 'the end' });
  const status = code ?? (failure as { statusCode?: number }).statusCode;
  assert.equal(status, 410);
});

const patches = [
  ['JSON', PatchStrategy.JsonPatch, [{ op: 'replace', path: '/data/a', value: 'patched' }]],
  ['merge', PatchStrategy.MergePatch, { data: { a: 'patched' } }],
  ['strategic', PatchStrategy.StrategicMergePatch, { data: { a: 'patched' } }],
] as const;
for (const [kind, strategy, patch] of patches) {
  check(`patches: ${kind}`, async () => {
    const name = `patch-${kind.toLowerCase()}`;
    await core.createNamespacedConfigMap({ namespace, body: body(name, { a: 'old', b: 'stays' }) });
    const options = setHeaderOptions('Content-Type', strategy);
    const { data } = await core.patchNamespacedConfigMap({ namespace, name, body: patch }, options);
    assert.deepEqual(data, { a: 'patched', b: 'stays' });
  });
}

check('patches: with a stale version are conflicts that say so', async () => {
  const made = await core.createNamespacedConfigMap({ namespace, body: body('stale') });
  await write('stale', 'newer');
  const replaced = core.replaceNamespacedConfigMap({ namespace, name: 'stale', body: made });
  await refused(replaced, 409, '"reason":"Conflict"');
});

check('objects of any kind: are applied by the server, with owners and conflicts', async () => {
  const objects = KubernetesObjectApi.makeApiClient(config);
  const apply = (text: string, manager: string, force?: boolean): Promise<V1ConfigMap> =>
    objects.patch(body('applied', { text }), undefined, undefined, manager, force, PatchStrategy.ServerSideApply);
  assert.deepEqual((await apply('one', 'alpha')).data, { text: 'one' });
  await refused(apply('two', 'beta'), 409, 'alpha');
  const forced = await apply('two', 'beta', true);
  assert.deepEqual(forced.data, { text: 'two' });
  const managers = forced.metadata?.managedFields?.map(({ manager, operation }) => `${manager} ${operation}`);
  assert.deepEqual(managers?.toSorted(), ['alpha Apply', 'beta Apply']);
  const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace } };
  const read = await objects.read(applied);
  assert.equal(read.metadata?.resourceVersion, forced.metadata?.resourceVersion);
  await objects.delete(body('applied'));
  await refused(objects.read(applied), 404, 'NotFound');
});

check('pages: make up the list, at one version', async () => {
  const names = Array.from({ length: 23 }, (_, index) => `page-${String(index).padStart(2, '0')}`);
  for (const name of names) {
    const metadata = { name, labels: { pages: 'yes' } };
    await core.createNamespacedConfigMap({ namespace, body: { metadata } });
  }
  const found: (string | undefined)[] = [];
  const versions = new Set<string | undefined>();
  let token: string | undefined;
  do {
    const page = await core.listNamespacedConfigMap({
      namespace,
      labelSelector: 'pages=yes',
      limit: 5,
      ...(token === undefined ? {} : { _continue: token }),
    });
    found.push(...page.items.map(({ metadata }) => metadata?.name));
    versions.add(page.metadata?.resourceVersion);
    token = page.metadata?._continue;
  } while (token !== undefined && token !== '');
  assert.deepEqual(found, names);
  assert.equal(versions.size, 1);
});

try {
  for (const [name, run] of checks) {
    let problem: string | undefined;
    try {
      await run();
    } catch (error) {
      problem = (error as Error).stack ?? String(error);
    }
    for (const informer of informers.splice(0)) await informer.stop();
    console.log(JSON.stringify({ name, ...(problem === undefined ? {} : { problem }) }));
  }
} finally {
  await relay.cut();
  process.disconnect();
}
// Connections that a client keeps for later.
process.exit();
