/**
 * Real helm 4 with a chart of our own (charts/harbour) on a cluster with a node: hooks, --wait, upgrades that go well and badly,
 * rollback, test, uninstall. The hooks are pods.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HelmCluster } from '../support/helm-cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

let before: readonly string[];
let cluster: HelmCluster;

const helm = (command: string): Promise<string> => cluster.helm(command);
const kubectl = (command: string): Promise<string> => cluster.kubectl(command);
const objectsOf = (release: string): Promise<string[]> => cluster.objectsOf(release);

/** `revision status` of every entry. */
async function history(release: string): Promise<string[]> {
  const entries = JSON.parse(await helm(`history ${release} -o json`)) as { revision: number; status: string }[];
  return entries.map(({ revision, status }) => `${revision} ${status}`);
}
const greeting = (release: string): Promise<string> => kubectl(`get cm ${release}-config -o jsonpath={.data.greeting}`);
const readyReplicas = (release: string): Promise<string> =>
  kubectl(`get deploy ${release}-web -o jsonpath={.status.readyReplicas}`);

beforeAll(async () => {
  before = traces();
  cluster = await HelmCluster.start(join(import.meta.dirname, 'charts', 'harbour'));
}, 360_000);
afterAll(async () => {
  await cluster?.dispose();
  expect(newTraces(before)).toEqual([]);
}, 90_000);

describe('a release', () => {
  it('is tried against the server and leaves nothing', async () => {
    const output = await helm('install shop CHART --dry-run=server');
    expect(output).toContain('kind: Deployment');
    expect(output).toContain('shop greets with ahoy.');
    expect(await objectsOf('shop')).toEqual([]);
    expect(await helm('list -q')).toBe('');
  }, 60_000);

  it('is installed: hooks in the order of their weights, and all is ready when --wait comes back', async () => {
    expect(await helm('install shop CHART --wait --timeout 90s')).toMatch(
      /STATUS: deployed\n[^]*shop greets with ahoy\./,
    );
    expect(await readyReplicas('shop')).toBe('2');
    expect(await kubectl('logs shop-pre-install')).toBe('prepared\n');
    const order =
      'get cm/shop-prepared pod/shop-pre-install cm/shop-config -o jsonpath={.items[*].metadata.creationTimestamp}';
    const times = (await kubectl(order)).split(' ');
    const kinds = (await objectsOf('shop')).map((name) => name.split('/', 1)[0]);
    expect(kinds).toEqual(
      expect.arrayContaining(['pod', 'replicaset.apps', 'endpointslice.discovery.k8s.io', 'secret']),
    );
    expect(times).toEqual(times.toSorted());
    expect(await helm('list -o json')).toContain('"name":"shop"');
    expect(await helm('status shop')).toContain('STATUS: deployed');
    expect(await helm('get manifest shop')).toContain('name: shop-web');
    expect(await helm('get hooks shop')).toContain('shop-pre-delete');
    expect(await helm('get values shop --all')).toContain('greeting: ahoy');
  }, 120_000);

  it('is tested by its own pods', async () => {
    expect(await helm('test shop --timeout 60s')).toMatch(/TEST SUITE: +shop-greets\n[^]*Phase: +Succeeded/);
    expect(await helm('test shop --timeout 60s --logs')).toContain('the greeting is ahoy');
  }, 120_000);

  it('is upgraded, with its hooks', async () => {
    await helm('upgrade shop CHART --wait --timeout 90s --set greeting=hello --set replicas=3');
    expect(await greeting('shop')).toBe('hello');
    expect(await readyReplicas('shop')).toBe('3');
    expect(await kubectl('logs shop-post-upgrade')).toBe('upgraded to 2\n');
    expect((await cluster.run('kubectl', 'get pod shop-pre-upgrade')).stderr).toContain('NotFound');
    expect(await history('shop')).toEqual(['1 superseded', '2 deployed']);
  }, 120_000);

  it('stays as it was when a hook fails', async () => {
    const { status, stderr } = await cluster.run(
      'helm',
      'upgrade shop CHART --set greeting=lost --set refuseUpgrade=true --timeout 60s',
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain('pre-upgrade hooks failed');
    expect(await greeting('shop')).toBe('hello');
    expect((await history('shop')).at(-1)).toBe('3 failed');
  }, 120_000);

  it('is rolled back by helm itself when an upgrade does not become ready', async () => {
    const flags = '--wait --timeout 8s --rollback-on-failure --set greeting=lost --set broken=true --set replicas=3';
    const { status, stderr } = await cluster.run('helm', `upgrade shop CHART ${flags}`);
    expect(status).not.toBe(0);
    expect(stderr).toContain('rolled back due to rollback-on-failure');
    expect(await greeting('shop')).toBe('hello');
    expect((await history('shop')).slice(-2)).toEqual(['4 failed', '5 deployed']);
    expect(await kubectl('get deploy shop-web -o jsonpath={.spec.template.spec.containers[0].command[2]}')).toContain(
      'hello',
    );
  }, 180_000);

  it('goes back to an older revision', async () => {
    await helm('rollback shop 1 --wait --timeout 90s');
    expect(await greeting('shop')).toBe('ahoy');
    expect(await readyReplicas('shop')).toBe('2');
    expect((await history('shop')).at(-1)).toBe('6 deployed');
  }, 120_000);

  it('is upgraded or installed, whichever it takes, under another name too', async () => {
    await helm('upgrade --install stall CHART --wait --timeout 90s --set replicas=1');
    expect((await helm('list -q')).trim().split('\n')).toEqual(['shop', 'stall']);
    const { status, stderr } = await cluster.run('helm', 'install stall CHART');
    expect(status).not.toBe(0);
    expect(stderr).toContain('cannot reuse a name');
    await helm('uninstall stall --wait --timeout 60s');
  }, 180_000);

  it('is uninstalled: nothing is left but hooks that say so', async () => {
    expect(await helm('uninstall shop --wait --timeout 60s')).toContain('uninstalled');
    const hooks = ['configmap/shop-prepared', 'pod/shop-greets', 'pod/shop-post-upgrade', 'pod/shop-pre-install'];
    // Pods and replica sets go after their deployment.
    await until(async () => (await objectsOf('shop')).length <= hooks.length, { what: 'all else to be gone' });
    expect((await objectsOf('shop')).toSorted()).toEqual(hooks);
    expect(await helm('list -q')).toBe('');
  }, 120_000);
});
