/** Controllers that treat all types alike know every type that is served. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import controllerGc from '@timonel/plugin-controller-gc';
import controllerNamespace from '@timonel/plugin-controller-namespace';
import {
  configMaps,
  coreEvents,
  deployments,
  endpoints,
  endpointSlices,
  furtherClusterTypes,
  furtherNamespacedTypes,
  leases,
  namespaces,
  nodes,
  pods,
  replicaSets,
  secrets,
  serviceAccounts,
  services,
  type ResourceType,
} from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { samples } from './apiserver-kinds-samples.ts';

const typed = [
  configMaps,
  coreEvents,
  deployments,
  endpoints,
  endpointSlices,
  leases,
  namespaces,
  nodes,
  pods,
  replicaSets,
  secrets,
  serviceAccounts,
  services,
] as readonly ResourceType[];
/** Other names for objects of types that are there. */
const views = [
  'autoscaling/v1/horizontalpodautoscalers',
  'events.k8s.io/v1/events',
  'admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicybindings',
];

it('has a type for every stored kind', () => {
  const types = [...typed, ...furtherNamespacedTypes, ...furtherClusterTypes];
  const paths = types.map(({ group, version, resource }) => `${group === '' ? '' : `${group}/`}${version}/${resource}`);
  expect([...paths, ...views].toSorted()).toEqual(samples.map(({ path }) => path).toSorted());
  for (const { kind, resource } of types)
    expect(samples.find(({ path }) => path.endsWith(`/${resource}`))?.kind).toBe(kind);
});

describe('with the controllers', () => {
  let server: TestApiServer;
  const inNamespace = samples.filter(({ path }) =>
    furtherNamespacedTypes.some(
      ({ group, version, resource }) => path === `${group === '' ? '' : `${group}/`}${version}/${resource}`,
    ),
  );
  const collection = (path: string, namespace: string): string => {
    const at = path.lastIndexOf('/');
    const version = path.slice(0, at);
    return `${version === 'v1' ? '/api/' : '/apis/'}${version}/namespaces/${namespace}${path.slice(at)}`;
  };

  beforeAll(async () => {
    server = await startApiServer({ plugins: [controllerGc, controllerNamespace] });
  });
  afterAll(async () => {
    await server.stop();
  });

  it('a namespace takes everything that is in it along', async () => {
    await server.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'brief' } } });
    for (const { path, object } of inNamespace) {
      const { status } = await server.send('POST', collection(path, 'brief'), {
        body: { metadata: { name: 'a' }, ...object },
      });
      expect([path, status]).toEqual([path, 201]);
    }
    await server.send('DELETE', '/api/v1/namespaces/brief');
    await until(async () => (await server.send('GET', '/api/v1/namespaces/brief')).status === 404, {
      what: 'the namespace to go',
      timeoutMs: 20_000,
    });
    for (const { path } of inNamespace) {
      const { body } = await server.send('GET', collection(path, 'brief'));
      expect([path, body.items]).toEqual([path, []]);
    }
  }, 60_000);

  it('what belongs to an object that goes is collected', async () => {
    const sample = (resource: string): object =>
      samples.find(({ path }) => path.endsWith(`/${resource}`))?.object ?? {};
    const sets = '/apis/apps/v1/namespaces/default/statefulsets';
    const revisions = '/apis/apps/v1/namespaces/default/controllerrevisions';
    const { body } = await server.send('POST', sets, { body: { metadata: { name: 'db' }, ...sample('statefulsets') } });
    const owner = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: body.metadata.uid as string };
    const metadata = { name: 'db-1', ownerReferences: [owner] };
    await server.send('POST', revisions, { body: { metadata, ...sample('controllerrevisions') } });
    await server.send('DELETE', `${sets}/db`);
    await until(async () => (await server.send('GET', `${revisions}/db-1`)).status === 404, {
      what: 'the revision to be collected',
      timeoutMs: 20_000,
    });
  }, 60_000);
});
