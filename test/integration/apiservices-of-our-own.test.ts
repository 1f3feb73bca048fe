/** APIServices for what the API server answers for itself. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import apiAggregation from '@timonel/plugin-api-aggregation';
import controllerCrd from '@timonel/plugin-controller-crd';
import type { ApiService } from '@timonel/sdk/kube';
import lighthouses from '../../examples/plugins/kind-lighthouses.ts';
import type { Answer } from '../support/api-server.ts';
import { crdPath, eventually, serveCrd } from '../support/crds.ts';
import { startKubectlServer, type KubectlServer } from '../support/kubectl-server.ts';

const path = '/apis/apiregistration.k8s.io/v1/apiservices';
const managed = 'kube-aggregator.kubernetes.io/automanaged';
const merge = 'application/merge-patch+json';
let cluster: KubectlServer;

const send = (method: string, name = '', body?: unknown): Promise<Answer> =>
  cluster.server.send(method, `${path}/${name}`.replace(/\/$/, ''), { body, type: merge });
const read = async (name: string): Promise<ApiService | undefined> => {
  const { status, body } = await send('GET', name);
  return status === 200 ? (body as ApiService) : undefined;
};
const isThere = (name: string): Promise<ApiService> =>
  eventually(`the APIService ${name}`, async () => {
    const found = await read(name);
    if (found === undefined) throw new Error('not found');
    return found;
  });
const isGone = (name: string): Promise<void> =>
  eventually(`no APIService ${name}`, async () => expect(await read(name)).toBeUndefined());

beforeAll(async () => {
  cluster = await startKubectlServer({ plugins: [apiAggregation, controllerCrd], available: [lighthouses] });
  await isThere('v1.storage.k8s.io');
});
afterAll(async () => {
  await cluster.server.stop();
});

describe('the groups and versions that the API server answers for', () => {
  it('are shown by kubectl, all available, in the order of Kubernetes', async () => {
    const served = (await cluster.server.send('GET', '/apis')).body.groups as {
      versions: { groupVersion: string }[];
    }[];
    const names = served
      .flatMap(({ versions }) => versions)
      .map(({ groupVersion }) => groupVersion.split('/').toReversed().join('.'))
      .filter((name) => !/apiregistration|metrics|timonel/.test(name));
    for (const name of names) await isThere(name);
    const { stdout } = await cluster.run(['get', 'apiservices', '--no-headers']);
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/).slice(0, 3));
    expect(rows).toEqual([...names, 'v1.'].toSorted().map((name) => [name, 'Local', 'True']));
    expect(await read('v1.')).toMatchObject({
      metadata: { labels: { [managed]: 'onstart' } },
      spec: { version: 'v1', groupPriorityMinimum: 18_000, versionPriority: 1 },
      status: { conditions: [{ type: 'Available', status: 'True', reason: 'Local' }] },
    });
    const [v1, v2] = [await read('v1.autoscaling'), await read('v2.autoscaling')];
    expect(v2?.spec?.versionPriority).toBeGreaterThan(v1?.spec?.versionPriority ?? Number.NaN);
    expect((await read('v1.'))?.status?.conditions?.[0]?.lastTransitionTime).toMatch(/^20.*Z$/);
  });

  it('come back when they are deleted, and as they were when they are changed', async () => {
    const before = await isThere('v1.apps');
    expect((await send('DELETE', 'v1.apps')).status).toBe(200);
    const again = await isThere('v1.apps');
    expect(again.metadata.uid).not.toBe(before.metadata.uid);
    const service = { namespace: 'default', name: 'mine' };
    expect((await send('PATCH', 'v1.apps', { spec: { service, groupPriorityMinimum: 7 } })).status).toBe(200);
    await eventually('the former spec', async () => expect((await read('v1.apps'))?.spec).toEqual(before.spec));
    expect((await cluster.server.send('GET', '/apis/apps/v1/deployments')).status).toBe(200);
  });

  it('are left alone by whoever takes the label off', async () => {
    await send('PATCH', 'v1.batch', { metadata: { labels: { [managed]: null } }, spec: { groupPriorityMinimum: 9 } });
    expect((await send('DELETE', 'v1.policy')).status).toBe(200);
    await isThere('v1.policy');
    expect((await read('v1.batch'))?.spec?.groupPriorityMinimum).toBe(9);
  });

  it('come and go with definitions and plugins', async () => {
    await serveCrd(cluster.server);
    expect(await isThere('v1.stable.example.com')).toMatchObject({
      metadata: { labels: { [managed]: 'true' } },
      spec: { group: 'stable.example.com', groupPriorityMinimum: 1000, versionPriority: 100 },
    });
    expect((await cluster.server.send('DELETE', `${crdPath}/crontabs.stable.example.com`)).status).toBe(200);
    await isGone('v1.stable.example.com');
    await cluster.server.kernel.control.enable('kind-lighthouses');
    expect((await isThere('v1.coast.example.com')).metadata.labels).toEqual({ [managed]: 'onstart' });
    await cluster.server.kernel.control.disable('kind-lighthouses');
    await isGone('v1.coast.example.com');
  });
});
