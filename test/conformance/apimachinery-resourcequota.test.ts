import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import admissionResourceQuota from '@timonel/plugin-admission-resourcequota';
import resourceQuota from '@timonel/plugin-controller-resourcequota';
import {
  configMaps,
  isNotFound,
  persistentVolumeClaims,
  pods,
  replicaSets,
  replicationControllers,
  resourceQuotas,
  secrets,
  services,
  type KubeObject,
  type Pod,
  type Quantities,
  type ResourceQuota,
  type ResourceType,
} from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';

const path = (namespace: string, rest = ''): string => `/api/v1/namespaces/${namespace}/resourcequotas${rest}`;
const containersOf = (requests?: Quantities, limits: Quantities | undefined = requests): Pod['spec']['containers'] => [
  {
    name: 'main',
    image: 'pause:1',
    ...(requests === undefined ? {} : { resources: { requests, ...(limits === undefined ? {} : { limits }) } }),
  },
];

describe('api-machinery: ResourceQuota', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await startCluster({
      controllers: [resourceQuota],
      plugins: [admissionResourceQuota],
      // What goes is given back at once, not only when the quota has settled.
      config: { 'controller-resourcequota': { settleMs: 600_000 } },
      nodes: 0,
    });
  });
  afterAll(async () => {
    await cluster[Symbol.asyncDispose]();
  });

  const used = async (namespace: string, name = 'quota'): Promise<Quantities | undefined> =>
    (await cluster.api.get(resourceQuotas, { namespace, name })).status?.used;
  const isUsed = (namespace: string, wanted: Quantities, name = 'quota'): Promise<unknown> =>
    cluster.until(`${name} with ${JSON.stringify(wanted)} used`, async () => {
      expect(await used(namespace, name)).toMatchObject(wanted);
      return true;
    });
  const quota = async (
    namespace: string,
    hard: Quantities,
    more: Partial<ResourceQuota['spec']> = {},
    name = 'quota',
  ): Promise<void> => {
    const metadata = { name, namespace, labels: { team: 'web' } };
    await cluster.api.create(resourceQuotas, { metadata, spec: { hard, ...more } });
    await isUsed(namespace, Object.fromEntries(Object.keys(hard).map((bound) => [bound, '0'])), name);
  };
  const make = <T extends KubeObject>(
    type: ResourceType<T>,
    namespace: string,
    name: string,
    rest: Omit<T, 'metadata'>,
  ) => cluster.api.create(type, { metadata: { name, namespace }, ...rest } as unknown as T);
  const run = (namespace: string, name: string, spec: Partial<Pod['spec']> = {}): Promise<Pod> =>
    make(pods, namespace, name, { spec: { containers: containersOf(), ...spec } });
  const remove = async (type: ResourceType, namespace: string, name: string): Promise<void> => {
    await cluster.api.delete(type, { namespace, name });
    await cluster.until(`${name} to go`, () =>
      cluster.api.get(type, { namespace, name }).then(
        () => false,
        (error: unknown) => isNotFound(error),
      ),
    );
  };
  const selector = { matchLabels: { app: 'web' } };
  const template = { metadata: { labels: { app: 'web' } }, spec: { containers: containersOf() } };

  it('says soon after a quota is made what is used, also of objects that were there before', async () => {
    const namespace = await cluster.namespace();
    await make(configMaps, namespace, 'before', { data: {} });
    await cluster.api.create(resourceQuotas, {
      metadata: { name: 'quota', namespace },
      spec: { hard: { configmaps: '5', pods: '3', 'requests.cpu': '1' } },
    });
    await isUsed(namespace, { configmaps: '1', pods: '0', 'requests.cpu': '0' });
    const { status } = await cluster.api.get(resourceQuotas, { namespace, name: 'quota' });
    expect(status?.hard).toEqual({ configmaps: '5', pods: '3', 'requests.cpu': '1' });
  });

  it.each([
    ['config map', configMaps, 'configmaps', { data: {} }],
    ['secret', secrets, 'secrets', { data: {} }],
    [
      'replication controller',
      replicationControllers,
      'replicationcontrollers',
      { spec: { replicas: 0, selector: { app: 'web' }, template } },
    ],
    ['replica set', replicaSets, 'count/replicasets.apps', { spec: { replicas: 0, selector, template } }],
  ])('counts the life of a %s', async (_title, type, name, rest: object) => {
    const namespace = await cluster.namespace();
    await quota(namespace, { [name]: '1' });
    const any = type as ResourceType;
    await make(any, namespace, 'first', rest);
    await isUsed(namespace, { [name]: '1' });
    await expect(make(any, namespace, 'second', rest)).rejects.toThrow(
      `"second" is forbidden: exceeded quota: quota, requested: ${name}=1, used: ${name}=1, limited: ${name}=1`,
    );
    await remove(any, namespace, 'first');
    await isUsed(namespace, { [name]: '0' });
    await make(any, namespace, 'second', rest);
  });

  it('counts the life of a service, its node ports and load balancers, also when its type changes', async () => {
    const namespace = await cluster.namespace();
    await quota(namespace, { services: '2', 'services.nodeports': '1', 'services.loadbalancers': '0' });
    const ports = [{ port: 80 }];
    await make(services, namespace, 'plain', { spec: { ports } });
    await make(services, namespace, 'open', { spec: { ports, type: 'NodePort' } });
    await isUsed(namespace, { services: '2', 'services.nodeports': '1', 'services.loadbalancers': '0' });
    await expect(make(services, namespace, 'third', { spec: { ports } })).rejects.toThrow('exceeded quota');
    const change = (type: string) =>
      cluster.api.patch(services, { namespace, name: 'plain' }, { type: 'merge', body: { spec: { type } } });
    await expect(change('NodePort')).rejects.toThrow(
      'exceeded quota: quota, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1',
    );
    await expect(change('LoadBalancer')).rejects.toThrow('services.loadbalancers=1');
    await remove(services, namespace, 'open');
    await isUsed(namespace, { services: '1', 'services.nodeports': '0' });
    await change('NodePort');
    await isUsed(namespace, { services: '1', 'services.nodeports': '1' });
  });

  it('counts the life of a claim and its storage, also by class', async () => {
    const namespace = await cluster.namespace();
    const [ofClass, sizeOfClass] = ['persistentvolumeclaims', 'requests.storage'].map(
      (name) => `gold.storageclass.storage.k8s.io/${name}`,
    ) as [string, string];
    await quota(namespace, {
      persistentvolumeclaims: '3',
      'requests.storage': '3Gi',
      [ofClass]: '1',
      [sizeOfClass]: '2Gi',
    });
    const claim = (name: string, storage: string, storageClassName: string) =>
      make(persistentVolumeClaims, namespace, name, {
        spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage } } },
      });
    await expect(claim('large', '3Gi', 'gold')).rejects.toThrow(`${sizeOfClass}=3Gi`);
    await claim('first', '2Gi', 'gold');
    await isUsed(namespace, {
      persistentvolumeclaims: '1',
      'requests.storage': '2Gi',
      [ofClass]: '1',
      [sizeOfClass]: '2Gi',
    });
    await expect(claim('second', '1Gi', 'gold')).rejects.toThrow(`${ofClass}=1`);
    await claim('second', '1Gi', 'silver');
    await remove(persistentVolumeClaims, namespace, 'first');
    await isUsed(namespace, {
      persistentvolumeclaims: '1',
      'requests.storage': '1Gi',
      [ofClass]: '0',
      [sizeOfClass]: '0',
    });
  });

  it('counts the life of a pod: its cpu, memory, ephemeral storage and extended resources', async () => {
    const namespace = await cluster.namespace();
    const hard = {
      pods: '2',
      cpu: '1',
      memory: '500Mi',
      'requests.ephemeral-storage': '50Gi',
      'requests.example.com/dongle': '3',
      'limits.cpu': '1',
    };
    await quota(namespace, hard);
    const spec = (more: Quantities) => ({
      containers: containersOf({
        cpu: '500m',
        memory: '252Mi',
        'ephemeral-storage': '30Gi',
        'example.com/dongle': '2',
        ...more,
      }),
    });
    await run(namespace, 'first', spec({}));
    const first = { pods: '1', cpu: '500m', memory: '252Mi', 'requests.ephemeral-storage': '30Gi' };
    await isUsed(namespace, { ...first, 'requests.example.com/dongle': '2', 'limits.cpu': '500m' });
    await expect(run(namespace, 'second', spec({}))).rejects.toThrow(
      'pods "second" is forbidden: exceeded quota: quota, requested: memory=252Mi,requests.ephemeral-storage=30Gi,requests.example.com/dongle=2, ' +
        'used: memory=252Mi,requests.ephemeral-storage=30Gi,requests.example.com/dongle=2, ' +
        'limited: memory=500Mi,requests.ephemeral-storage=50Gi,requests.example.com/dongle=3',
    );
    await expect(run(namespace, 'silent')).rejects.toThrow(
      'failed quota: quota: must specify cpu for: main; limits.cpu for: main; memory for: main',
    );
    await remove(pods, namespace, 'first');
    await isUsed(namespace, { pods: '0', cpu: '0', memory: '0', 'requests.ephemeral-storage': '0', 'limits.cpu': '0' });
    await run(namespace, 'second', spec({}));
  });

  it('counts no pod that has ended', async () => {
    const namespace = await cluster.namespace();
    await quota(namespace, { pods: '1', 'count/pods': '2' });
    const containers = [{ name: 'main', image: 'a:1', command: ['fake:exit', '0'] }];
    await run(namespace, 'short', { containers, restartPolicy: 'Never' });
    await isUsed(namespace, { pods: '0', 'count/pods': '1' });
    await run(namespace, 'second');
    await isUsed(namespace, { pods: '1', 'count/pods': '2' });
    await expect(run(namespace, 'third')).rejects.toThrow('exceeded quota');
  });

  it('counts by the scopes BestEffort and NotBestEffort', async () => {
    const namespace = await cluster.namespace();
    await quota(namespace, { pods: '1' }, { scopes: ['BestEffort'] }, 'best');
    await quota(namespace, { pods: '1' }, { scopes: ['NotBestEffort'] }, 'other');
    await run(namespace, 'best');
    await isUsed(namespace, { pods: '1' }, 'best');
    await isUsed(namespace, { pods: '0' }, 'other');
    await expect(run(namespace, 'best-2')).rejects.toThrow('exceeded quota: best');
    await run(namespace, 'burstable', { containers: containersOf({ cpu: '1' }) });
    await isUsed(namespace, { pods: '1' }, 'other');
    await remove(pods, namespace, 'best');
    await isUsed(namespace, { pods: '0' }, 'best');
    await isUsed(namespace, { pods: '1' }, 'other');
  });

  it('counts by the scopes Terminating and NotTerminating', async () => {
    const namespace = await cluster.namespace();
    await quota(namespace, { pods: '1' }, { scopes: ['Terminating'] }, 'short');
    await quota(namespace, { pods: '1' }, { scopes: ['NotTerminating'] }, 'long');
    await run(namespace, 'long');
    await isUsed(namespace, { pods: '1' }, 'long');
    await isUsed(namespace, { pods: '0' }, 'short');
    await run(namespace, 'short', { activeDeadlineSeconds: 3600 });
    await isUsed(namespace, { pods: '1' }, 'short');
    await expect(run(namespace, 'short-2', { activeDeadlineSeconds: 60 })).rejects.toThrow('exceeded quota: short');
    await remove(pods, namespace, 'long');
    await isUsed(namespace, { pods: '0' }, 'long');
  });

  it('counts by the priority class and by affinity across namespaces', async () => {
    const namespace = await cluster.namespace();
    const matchExpressions = [{ scopeName: 'PriorityClass', operator: 'In', values: ['system-node-critical'] }];
    await quota(namespace, { pods: '1' }, { scopeSelector: { matchExpressions } }, 'critical');
    await quota(namespace, { pods: '0' }, { scopes: ['CrossNamespacePodAffinity'] }, 'apart');
    await run(namespace, 'plain');
    await run(namespace, 'critical', { priorityClassName: 'system-node-critical' });
    await isUsed(namespace, { pods: '1' }, 'critical');
    await expect(run(namespace, 'more', { priorityClassName: 'system-node-critical' })).rejects.toThrow(
      'quota: critical',
    );
    const term = { labelSelector: selector, topologyKey: 'kubernetes.io/hostname', namespaces: ['default'] };
    const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    await expect(run(namespace, 'apart', { affinity: { podAntiAffinity } })).rejects.toThrow('exceeded quota: apart');
  });

  it('is replaced and deleted: its new bounds hold, and without it none', async () => {
    const namespace = await cluster.namespace();
    await quota(namespace, { configmaps: '1' });
    await make(configMaps, namespace, 'a', { data: {} });
    const { status: _, ...found } = await cluster.api.get(resourceQuotas, { namespace, name: 'quota' });
    const { resourceVersion: __, ...metadata } = found.metadata;
    await cluster.api.update(resourceQuotas, { ...found, metadata, spec: { hard: { configmaps: '2', secrets: '0' } } });
    await isUsed(namespace, { configmaps: '1', secrets: '0' });
    await make(configMaps, namespace, 'b', { data: {} });
    await expect(make(configMaps, namespace, 'c', { data: {} })).rejects.toThrow('configmaps=2');
    await expect(make(secrets, namespace, 'c', { data: {} })).rejects.toThrow('secrets=1');
    await remove(resourceQuotas, namespace, 'quota');
    await cluster.until('the bounds to go', () =>
      make(secrets, namespace, 'c', { data: {} }).then(
        () => true,
        () => false,
      ),
    );
  });

  it('has a status that is written without its spec, and is repaired', async () => {
    const namespace = await cluster.namespace();
    await quota(namespace, { configmaps: '5' });
    const before = await cluster.api.get(resourceQuotas, { namespace, name: 'quota' });
    const body = { spec: { hard: { configmaps: '99' } }, status: { hard: { configmaps: '7' } } };
    const type = 'application/merge-patch+json';
    const answer = await cluster.server.send('PATCH', path(namespace, '/quota/status'), { type, body });
    expect(answer.body).toMatchObject({ spec: before.spec, status: { hard: { configmaps: '7' } } });
    expect((await cluster.server.send('GET', path(namespace, '/quota/status'))).body.spec).toEqual(before.spec);
    await cluster.until('the repair', async () => {
      const { status } = await cluster.api.get(resourceQuotas, { namespace, name: 'quota' });
      return status?.hard?.['configmaps'] === '5';
    });
  });

  it('has a life: created, listed in all namespaces, patched, watched, deleted by collection', async () => {
    const namespace = await cluster.namespace();
    const events = cluster.record(resourceQuotas, namespace);
    for (const name of ['a', 'b']) await quota(namespace, { configmaps: '1' }, {}, name);
    const all = await cluster.server.send('GET', '/api/v1/resourcequotas?labelSelector=team%3Dweb');
    expect(all.body.items.filter(({ metadata }: KubeObject) => metadata.namespace === namespace)).toHaveLength(2);
    const type = 'application/merge-patch+json';
    const body = { metadata: { labels: { patched: 'yes' } }, spec: { hard: { configmaps: '9' } } };
    const patched = await cluster.server.send('PATCH', path(namespace, '/a'), { type, body });
    expect(patched.body).toMatchObject(body);
    const answer = await cluster.server.send('DELETE', path(namespace, '?labelSelector=team%3Dweb'));
    expect(answer.status).toBe(200);
    await cluster.until('both to be seen to go', () => events.filter((event) => event.type === 'DELETED').length === 2);
    expect((await cluster.api.list(resourceQuotas, { namespace })).items).toEqual([]);
  });
});
