/** Kinds that live in the API server alone: each goes through its life by all verbs (support/life.ts). */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@timonel/testkit';
import { startApiServer, type Answer, type TestApiServer } from '../support/api-server.ts';
import { lives } from './support/life.ts';

let server: TestApiServer;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server.stop());

const merge = 'application/merge-patch+json';
const inDefault = (resource: string): string => `/api/v1/namespaces/default/${resource}`;
const send = (method: string, path: string, body?: unknown, type?: string): Promise<Answer> =>
  server.send(method, path, { ...(body === undefined ? {} : { body }), ...(type === undefined ? {} : { type }) });
const life = (path: string) => (): Promise<void> => lives(server, path);

describe('api-machinery: flow control', () => {
  it('FlowSchema has all verbs and a status', life('flowcontrol.apiserver.k8s.io/v1/flowschemas'));
  it(
    'PriorityLevelConfiguration has all verbs and a status',
    life('flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations'),
  );
});

describe('network: kinds of the API', () => {
  it('EndpointSlice has all verbs', life('discovery.k8s.io/v1/endpointslices'));
  it('Ingress has all verbs and a status', life('networking.k8s.io/v1/ingresses'));
  it('IngressClass has all verbs', life('networking.k8s.io/v1/ingressclasses'));
  it('ServiceCIDR has all verbs and a status', life('networking.k8s.io/v1/servicecidrs'));
  it('IPAddress has all verbs', life('networking.k8s.io/v1/ipaddresses'));

  const path = inDefault('services');
  const service = (name: string): object => ({
    metadata: { name, labels: { test: name } },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], selector: { app: name } },
  });

  it('a Service has a status that is patched and replaced apart from it, as a watch shows', async () => {
    const watch = server.watch(`${path}?watch=1&labelSelector=test%3Dbalanced`);
    await send('POST', path, service('balanced'));
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] } };
    const annotations = { patched: 'status' };
    const patched = await send('PATCH', `${path}/balanced/status`, { metadata: { annotations }, status }, merge);
    expect(patched.body).toMatchObject({ metadata: { annotations }, status });
    const [, entry] = patched.body.metadata.managedFields;
    expect(entry).toMatchObject({ subresource: 'status', fieldsV1: { 'f:metadata': { 'f:annotations': {} } } });
    const condition = { type: 'Ready', status: 'True', reason: 'Test', message: 'set' };
    const { body } = await send('PUT', `${path}/balanced/status`, {
      ...patched.body,
      spec: {},
      status: { ...status, conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }] },
    });
    expect(body).toMatchObject({
      spec: { selector: { app: 'balanced' } },
      status: { ...status, conditions: [condition] },
    });
    expect((await send('DELETE', `${path}/balanced`)).status).toBe(200);
    await until(() => watch.events.at(-1)?.type === 'DELETED', { what: 'the deletion to be watched' });
    expect(watch.events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED']);
    watch.stop();
  });

  it('Services are deleted as a collection, and no others with them', async () => {
    for (const name of ['one', 'two', 'three']) {
      await send('POST', path, {
        ...service(name),
        metadata: { name, labels: { set: name === 'three' ? 'no' : 'yes' } },
      });
    }
    expect((await send('DELETE', `${path}?labelSelector=set%3Dyes`)).status).toBe(200);
    const left = await send('GET', `${path}?labelSelector=set`);
    expect(left.body.items).toMatchObject([{ metadata: { name: 'three' } }]);
    const again = await send('POST', path, service('one'));
    expect(again.status).toBe(201);
  });
});

describe('node: kinds of the API', () => {
  it('ConfigMap has all verbs', life('v1/configmaps'));
  it('Secret has all verbs', life('v1/secrets'));
  it.each([
    ['ConfigMap', { data: { '': 'x' } }],
    ['Secret', { data: { '': 'eA==' } }],
  ])('%s with an empty key is refused', async (kind, content) => {
    const answer = await send('POST', inDefault(`${kind.toLowerCase()}s`), { metadata: { name: 'empty' }, ...content });
    expect(answer.status).toBe(422);
    expect(answer.body.message).toContain('a valid config key must consist of alphanumeric characters');
  });
  it('Lease has all verbs', life('coordination.k8s.io/v1/leases'));
  it('PodTemplate has all verbs', life('v1/podtemplates'));
  it('Node has all verbs and a status', life('v1/nodes'));
  it('DeviceClass has all verbs', life('resource.k8s.io/v1/deviceclasses'));
  it('ResourceClaim has all verbs and a status', life('resource.k8s.io/v1/resourceclaims'));
  it('ResourceClaimTemplate has all verbs', life('resource.k8s.io/v1/resourceclaimtemplates'));
  it('ResourceSlice has all verbs', life('resource.k8s.io/v1/resourceslices'));
});

describe('storage: kinds of the API', () => {
  it.each(['ConfigMap', 'Secret'])('%s that is immutable stays so, and its data too', async (kind) => {
    const path = inDefault(`${kind.toLowerCase()}s`);
    const one = `${path}/still-${kind.toLowerCase()}`;
    const patch = (body: object): Promise<Answer> => send('PATCH', one, body, merge);
    await send('POST', path, { metadata: { name: `still-${kind.toLowerCase()}` }, data: { a: 'eA==' } });
    expect((await patch({ data: { a: 'eQ==' } })).status).toBe(200);
    expect((await patch({ immutable: true })).status).toBe(200);
    for (const change of [
      { data: { a: 'eg==' } },
      { data: { b: 'eg==' } },
      { immutable: false },
      { immutable: null },
    ]) {
      expect(await patch(change)).toMatchObject({ status: 422 });
    }
    expect((await patch({ metadata: { labels: { a: 'b' } } })).body.data).toEqual({ a: 'eQ==' });
    expect((await send('DELETE', one)).status).toBe(200);
  });

  it('CSIDriver has all verbs', life('storage.k8s.io/v1/csidrivers'));
  it('CSINode has all verbs', life('storage.k8s.io/v1/csinodes'));
  it('CSIStorageCapacity has all verbs', life('storage.k8s.io/v1/csistoragecapacities'));
  it('StorageClass has all verbs', life('storage.k8s.io/v1/storageclasses'));
  it('VolumeAttachment has all verbs', life('storage.k8s.io/v1/volumeattachments'));
  it('VolumeAttributesClass has all verbs', life('storage.k8s.io/v1/volumeattributesclasses'));

  it('VolumeAttachment has a status, which is written apart from the rest', async () => {
    const path = '/apis/storage.k8s.io/v1/volumeattachments';
    const spec = { attacher: 'disk.example.com', nodeName: 'node-1', source: { persistentVolumeName: 'volume' } };
    await send('POST', path, { metadata: { name: 'apart' }, spec });
    const status = { attached: true, attachmentMetadata: { device: '/dev/vdb' } };
    const patched = await send('PATCH', `${path}/apart/status`, { status }, merge);
    expect(patched.body.status).toEqual(status);
    const replaced = await send('PUT', `${path}/apart/status`, { ...patched.body, status: { attached: false } });
    expect(replaced.body).toMatchObject({ spec, status: { attached: false } });
    expect((await send('GET', `${path}/apart/status`)).body.status).toEqual({ attached: false });
    expect((await send('DELETE', `${path}/apart`)).status).toBe(200);
  });

  it('Pod with an inline CSI volume is made, read, listed, patched and deleted', async () => {
    const path = inDefault('pods');
    const csi = { driver: 'inline.example.com', readOnly: true, volumeAttributes: { size: '1Gi' } };
    const volumes = [{ name: 'v', csi }];
    const containers = [{ name: 'c', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }];
    const labels = { test: 'inline' };
    await send('POST', path, { metadata: { name: 'inline', labels }, spec: { containers, volumes } });
    expect((await send('GET', `${path}/inline`)).body.spec.volumes).toMatchObject(volumes);
    const listed = await send('GET', `/api/v1/pods?labelSelector=test%3Dinline`);
    expect(listed.body.items).toMatchObject([{ spec: { volumes } }]);
    const patched = await send('PATCH', `${path}/inline`, { metadata: { labels: { more: 'yes' } } }, merge);
    expect(patched.body.metadata.labels).toEqual({ ...labels, more: 'yes' });
    await send('DELETE', `${path}/inline?gracePeriodSeconds=0`);
    expect((await send('GET', `${path}/inline`)).status).toBe(404);
  });
});

describe('instrumentation: Events', () => {
  it('of the core group have all verbs, in one namespace and over all', life('v1/events'));
  it('of events.k8s.io have all verbs, in one namespace and over all', life('events.k8s.io/v1/events'));

  it.each([
    ['the core group', inDefault('events'), { involvedObject: { kind: 'Pod', namespace: 'default', name: 'p' } }],
    [
      'events.k8s.io',
      '/apis/events.k8s.io/v1/namespaces/default/events',
      { regarding: { kind: 'Pod', namespace: 'default', name: 'p' }, action: 'Test' },
    ],
  ])('of %s are made a series, and deleted as a collection', async (_, path, about) => {
    const base = { eventTime: '2026-01-01T00:00:00.000000Z', reason: 'Test', type: 'Normal', ...about };
    const controller = path.startsWith('/api/')
      ? { reportingComponent: 'test', reportingInstance: 'test-1', action: 'Test' }
      : { reportingController: 'test', reportingInstance: 'test-1' };
    const made: Answer[] = [];
    for (const name of ['s1', 's2', 's3']) {
      const metadata = { name, labels: { series: 'yes' } };
      made.push(await send('POST', path, { metadata, ...base, ...controller }));
    }
    expect(made.map(({ status }) => status)).toEqual([201, 201, 201]);
    const series = { count: 100, lastObservedTime: '2026-01-01T00:05:00.000000Z' };
    const updated = await send('PUT', `${path}/s1`, { ...made[0]?.body, series });
    expect(updated.body.series).toEqual(series);
    const selected = '?labelSelector=series%3Dyes';
    expect((await send('GET', `${path}${selected}`)).body.items).toHaveLength(3);
    expect((await send('DELETE', `${path}${selected}`)).status).toBe(200);
    expect((await send('GET', `${path}${selected}`)).body.items).toEqual([]);
  });
});
