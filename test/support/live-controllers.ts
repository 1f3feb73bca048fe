/** For each controller: something that is declared while it is off, and how one sees that it was carried out. */
import { identityCases } from './live-identity.ts';

// oxlint-disable-next-line no-explicit-any
type Body = any;

export interface LiveCluster {
  /** Of this case alone. */
  readonly namespace: string;
  /** A request that must succeed. */
  readonly ask: (method: string, path: string, body?: unknown) => Promise<Body>;
  /** Reads the object, changes it and replaces it, again when somebody else was faster. */
  readonly update: (path: string, change: (object: Body) => void) => Promise<void>;
  readonly until: (what: string, condition: () => Promise<boolean>) => Promise<unknown>;
}

export interface LiveCase {
  /** Of the plugin. */
  readonly name: string;
  /** While it is on. */
  readonly before?: (live: LiveCluster) => Promise<void>;
  /** While it is off. */
  readonly change: (live: LiveCluster) => Promise<unknown>;
  readonly isDone: (live: LiveCluster) => Promise<boolean>;
}

/** A node of the profile with fake nodes, where nothing else runs. */
const spareNode = 'fake-009';
const labels = { app: 'web' };
const selector = { matchLabels: labels };
const podSpec = {
  containers: [{ name: 'main', image: 'web:1' }],
  nodeSelector: { 'kubernetes.io/hostname': spareNode },
};
const template = { metadata: { labels }, spec: podSpec };
const jobTemplate = { spec: { ...podSpec, restartPolicy: 'Never' } };

const core = ({ namespace }: LiveCluster, resource: string): string => `/api/v1/namespaces/${namespace}/${resource}`;
const group = (name: string, { namespace }: LiveCluster, resource: string): string =>
  `/apis/${name}/namespaces/${namespace}/${resource}`;
const apps = (live: LiveCluster, resource: string): string => group('apps/v1', live, resource);
const batch = (live: LiveCluster, resource: string): string => group('batch/v1', live, resource);

const items = async (live: LiveCluster, path: string): Promise<readonly Body[]> => (await live.ask('GET', path)).items;

async function readyPods(live: LiveCluster): Promise<number> {
  const pods = await items(live, core(live, 'pods'));
  return pods.filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status.phase === 'Running')
    .length;
}

/** Made with two replicas, scaled to three meanwhile. */
function scaled(name: string, pathOf: (live: LiveCluster) => string, spec: object): LiveCase {
  return {
    name,
    async before(live) {
      await live.ask('POST', pathOf(live), { metadata: { name: 'web', labels }, spec: { replicas: 2, ...spec } });
      await live.until('two pods', async () => (await readyPods(live)) === 2);
    },
    change: (live) => live.update(`${pathOf(live)}/web`, (object) => (object.spec.replicas = 3)),
    isDone: async (live) => {
      const { status } = await live.ask('GET', `${pathOf(live)}/web`);
      return (await readyPods(live)) === 3 && status.readyReplicas === 3;
    },
  };
}

const service = (name: string, spec: object): object => ({
  metadata: { name },
  spec: { ports: [{ port: 80 }], ...spec },
});
const claim = (storageClassName: string): object => ({
  metadata: { name: 'data' },
  spec: { accessModes: ['ReadWriteOnce'], storageClassName, resources: { requests: { storage: '1Gi' } } },
});
const volumes = '/api/v1/persistentvolumes';
const volume = (storageClassName: string): object => ({
  metadata: { name: storageClassName },
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName,
    capacity: { storage: '1Gi' },
    hostPath: { path: `/nowhere/${storageClassName}` },
  },
});

async function boundClaim(live: LiveCluster): Promise<void> {
  await live.ask('POST', volumes, volume(live.namespace));
  await live.ask('POST', core(live, 'persistentvolumeclaims'), claim(live.namespace));
  await live.until('the claim to be bound', async () => {
    return (await live.ask('GET', `${core(live, 'persistentvolumeclaims')}/data`)).status.phase === 'Bound';
  });
}

/** A Job that somebody else says is finished, long ago. */
async function finishedJob(live: LiveCluster, name: string): Promise<void> {
  const spec = { managedBy: 'example.com/nobody', ttlSecondsAfterFinished: 1, template: jobTemplate };
  await live.ask('POST', batch(live, 'jobs'), { metadata: { name }, spec });
  const startTime = new Date(Date.now() - 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
  await live.update(`${batch(live, 'jobs')}/${name}/status`, (job) => {
    const times = { lastTransitionTime: startTime, lastProbeTime: startTime };
    job.status = {
      startTime,
      completionTime: startTime,
      succeeded: 1,
      conditions: ['SuccessCriteriaMet', 'Complete'].map((type) => ({ type, status: 'True', ...times })),
    };
  });
}

const nodePath = `/api/v1/nodes/${spareNode}`;
const hasTaint = async (live: LiveCluster, key: string): Promise<boolean> =>
  ((await live.ask('GET', nodePath)).spec.taints ?? []).some((taint: { key: string }) => taint.key === key);

const workloads: readonly LiveCase[] = [
  scaled('controller-replicaset', (live) => apps(live, 'replicasets'), { selector, template }),
  scaled('controller-replicationcontroller', (live) => core(live, 'replicationcontrollers'), {
    selector: labels,
    template,
  }),
  scaled('controller-deployment', (live) => apps(live, 'deployments'), { selector, template }),
  scaled('controller-statefulset', (live) => apps(live, 'statefulsets'), { selector, template, serviceName: 'web' }),
  {
    name: 'controller-daemonset',
    change: (live) =>
      live.ask('POST', apps(live, 'daemonsets'), { metadata: { name: 'web' }, spec: { selector, template } }),
    isDone: async (live) => {
      const { status } = await live.ask('GET', `${apps(live, 'daemonsets')}/web`);
      return (await readyPods(live)) === 1 && status.numberAvailable === 1;
    },
  },
  {
    name: 'controller-job',
    change: (live) =>
      live.ask('POST', batch(live, 'jobs'), {
        metadata: { name: 'work' },
        spec: { parallelism: 2, completions: 2, template: jobTemplate },
      }),
    isDone: async (live) => (await live.ask('GET', `${batch(live, 'jobs')}/work`)).status.ready === 2,
  },
  {
    name: 'controller-ttlafterfinished',
    change: (live) => finishedJob(live, 'over'),
    isDone: async (live) => (await items(live, batch(live, 'jobs'))).length === 0,
  },
  {
    name: 'controller-cronjob',
    async change(live) {
      const spec = {
        schedule: '* * * * *',
        concurrencyPolicy: 'Forbid',
        jobTemplate: { spec: { template: jobTemplate } },
      };
      await live.ask('POST', batch(live, 'cronjobs'), { metadata: { name: 'tick' }, spec });
      // As if it had run ten minutes ago: the last of the times that were missed is made up for.
      const lastScheduleTime = new Date(Date.now() - 600_000).toISOString().replace(/:\d\d\.\d+Z$/, ':00Z');
      await live.update(`${batch(live, 'cronjobs')}/tick/status`, (job) => (job.status = { lastScheduleTime }));
    },
    isDone: async (live) => (await items(live, batch(live, 'jobs'))).length === 1,
  },
  {
    name: 'controller-horizontalpodautoscaler',
    async before(live) {
      const spec = { replicas: 1, selector, template };
      await live.ask('POST', apps(live, 'deployments'), { metadata: { name: 'web' }, spec });
      await live.until('a pod', async () => (await readyPods(live)) === 1);
    },
    // Below its least, whatever the metrics say.
    change: (live) =>
      live.ask('POST', group('autoscaling/v2', live, 'horizontalpodautoscalers'), {
        metadata: { name: 'web' },
        spec: {
          scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
          minReplicas: 2,
          maxReplicas: 3,
        },
      }),
    isDone: async (live) => (await live.ask('GET', `${apps(live, 'deployments')}/web`)).spec.replicas === 2,
  },
];

const services: readonly LiveCase[] = [
  {
    name: 'controller-endpointslice',
    async change(live) {
      await live.ask('POST', core(live, 'services'), service('web', { selector: labels }));
      await live.ask('POST', core(live, 'pods'), { metadata: { name: 'web', labels }, spec: podSpec });
    },
    isDone: async (live) => {
      const slices = await items(live, group('discovery.k8s.io/v1', live, 'endpointslices'));
      return slices.some(({ endpoints }) => endpoints?.[0]?.conditions?.ready === true);
    },
  },
  {
    name: 'controller-endpoints',
    async change(live) {
      await live.ask('POST', core(live, 'services'), service('web', { selector: labels }));
      await live.ask('POST', core(live, 'pods'), { metadata: { name: 'web', labels }, spec: podSpec });
    },
    isDone: async (live) => {
      const all = await items(live, core(live, 'endpoints'));
      return all.some(({ subsets }) => (subsets?.[0]?.addresses ?? []).length === 1);
    },
  },
  {
    name: 'controller-endpointslicemirroring',
    async change(live) {
      await live.ask('POST', core(live, 'services'), service('outside', {}));
      const subsets = [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }];
      await live.ask('POST', core(live, 'endpoints'), { metadata: { name: 'outside' }, subsets });
    },
    isDone: async (live) => (await items(live, group('discovery.k8s.io/v1', live, 'endpointslices'))).length === 1,
  },
];

const storage: readonly LiveCase[] = [
  {
    name: 'controller-persistentvolume',
    async change(live) {
      await live.ask('POST', volumes, volume(live.namespace));
      await live.ask('POST', core(live, 'persistentvolumeclaims'), claim(live.namespace));
    },
    isDone: async (live) =>
      (await live.ask('GET', `${core(live, 'persistentvolumeclaims')}/data`)).status.phase === 'Bound',
  },
  {
    name: 'controller-volumeprotection',
    change: (live) => live.ask('POST', core(live, 'persistentvolumeclaims'), claim(live.namespace)),
    isDone: async (live) => {
      const { metadata } = await live.ask('GET', `${core(live, 'persistentvolumeclaims')}/data`);
      return metadata.finalizers?.includes('kubernetes.io/pvc-protection') === true;
    },
  },
  {
    name: 'controller-volumeexpand',
    async before(live) {
      await live.ask('POST', '/apis/storage.k8s.io/v1/storageclasses', {
        metadata: { name: live.namespace },
        provisioner: 'example.com/disks',
        allowVolumeExpansion: true,
      });
      await boundClaim(live);
    },
    change: (live) =>
      live.update(`${core(live, 'persistentvolumeclaims')}/data`, (object) => {
        object.spec.resources.requests.storage = '2Gi';
      }),
    isDone: async (live) => {
      const { metadata } = await live.ask('GET', `${core(live, 'persistentvolumeclaims')}/data`);
      return Object.values(metadata.annotations ?? {}).includes('example.com/disks');
    },
  },
  {
    name: 'controller-attachdetach',
    async before(live) {
      const { namespace } = live;
      const object = volume(namespace) as { spec: Body };
      const csi = { driver: 'csi.example.com', volumeHandle: namespace };
      const { hostPath: _none, ...spec } = object.spec;
      await live.ask('POST', volumes, { ...object, spec: { ...spec, csi } });
      await live.ask('POST', core(live, 'persistentvolumeclaims'), claim(namespace));
      await live.until('the claim to be bound', async () => {
        return (await live.ask('GET', `${core(live, 'persistentvolumeclaims')}/data`)).status.phase === 'Bound';
      });
    },
    change: (live) => {
      const mounted = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
      const spec = { ...podSpec, nodeName: spareNode, volumes: mounted };
      return live.ask('POST', core(live, 'pods'), { metadata: { name: 'user' }, spec });
    },
    isDone: async (live) => {
      const all = await items(live, '/apis/storage.k8s.io/v1/volumeattachments');
      return all.some(({ spec }) => spec.source.persistentVolumeName === live.namespace);
    },
  },
  {
    name: 'controller-ephemeralvolume',
    change: (live) =>
      live.ask('POST', core(live, 'pods'), {
        metadata: { name: 'user' },
        spec: {
          ...podSpec,
          volumes: [
            {
              name: 'scratch',
              ephemeral: {
                volumeClaimTemplate: {
                  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
                },
              },
            },
          ],
        },
      }),
    isDone: async (live) => (await items(live, core(live, 'persistentvolumeclaims'))).length === 1,
  },
];

const cleanUp: readonly LiveCase[] = [
  {
    name: 'controller-namespace',
    async change(live) {
      const name = `${live.namespace}-doomed`;
      await live.ask('POST', '/api/v1/namespaces', { metadata: { name } });
      await live.ask('POST', `/api/v1/namespaces/${name}/configmaps`, { metadata: { name: 'a' } });
      await live.ask('DELETE', `/api/v1/namespaces/${name}`);
    },
    isDone: async (live) => {
      const all = await items(live, '/api/v1/namespaces');
      return !all.some(({ metadata }) => metadata.name === `${live.namespace}-doomed`);
    },
  },
  {
    name: 'controller-gc',
    async before(live) {
      const owner = await live.ask('POST', core(live, 'configmaps'), { metadata: { name: 'owner' } });
      const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: owner.metadata.uid };
      await live.ask('POST', core(live, 'secrets'), { metadata: { name: 'owned', ownerReferences: [reference] } });
    },
    change: (live) => live.ask('DELETE', `${core(live, 'configmaps')}/owner`),
    isDone: async (live) => (await items(live, core(live, 'secrets'))).length === 0,
  },
  {
    name: 'controller-podgc',
    change: (live) =>
      live.ask('POST', core(live, 'pods'), {
        metadata: { name: 'orphan' },
        spec: { nodeName: 'never-there', containers: podSpec.containers },
      }),
    isDone: async (live) => (await items(live, core(live, 'pods'))).length === 0,
  },
];

const bundles = async (live: LiveCluster): Promise<readonly Body[]> =>
  (await items(live, core(live, 'configmaps'))).filter(({ metadata }) => metadata.name === 'kube-root-ca.crt');

const published: readonly LiveCase[] = [
  {
    name: 'controller-rootca',
    before: (live) => live.until('the bundle', async () => (await bundles(live)).length === 1).then(() => undefined),
    change: (live) => live.ask('DELETE', `${core(live, 'configmaps')}/kube-root-ca.crt`),
    isDone: async (live) => (await bundles(live)).length === 1,
  },
];

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';

const kinds: readonly LiveCase[] = [
  {
    name: 'controller-crd',
    change: (live) =>
      live.ask('POST', definitions, {
        metadata: { name: 'lanterns.live.example.com' },
        spec: {
          group: 'live.example.com',
          scope: 'Namespaced',
          names: { plural: 'lanterns', kind: 'Lantern' },
          versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
        },
      }),
    isDone: async (live) => {
      const { status } = await live.ask('GET', `${definitions}/lanterns.live.example.com`);
      return (status?.conditions ?? []).some(({ type, status: is }: Body) => type === 'Established' && is === 'True');
    },
  },
  {
    name: 'controller-admissionpolicy',
    change: (live) =>
      live.ask('POST', policies, {
        metadata: { name: 'live' },
        spec: {
          matchConstraints: {
            resourceRules: [
              { operations: ['CREATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] },
            ],
          },
          validations: [{ expression: 'object.spec.replicas < 100' }],
        },
      }),
    isDone: async (live) => (await live.ask('GET', `${policies}/live`)).status?.typeChecking !== undefined,
  },
];

const limits: readonly LiveCase[] = [
  {
    name: 'controller-resourcequota',
    change: (live) =>
      live.ask('POST', core(live, 'resourcequotas'), {
        metadata: { name: 'some' },
        spec: { hard: { secrets: '10' } },
      }),
    isDone: async (live) => {
      const { status } = await live.ask('GET', `${core(live, 'resourcequotas')}/some`);
      return status?.hard?.secrets === '10' && status?.used?.secrets === '0';
    },
  },
];

/** Last: they disturb the spare node. */
const nodes: readonly LiveCase[] = [
  {
    name: 'controller-disruption',
    async before(live) {
      await live.ask('POST', apps(live, 'replicasets'), {
        metadata: { name: 'web' },
        spec: { replicas: 2, selector, template },
      });
      await live.until('two pods', async () => (await readyPods(live)) === 2);
    },
    change: (live) =>
      live.ask('POST', group('policy/v1', live, 'poddisruptionbudgets'), {
        metadata: { name: 'web' },
        spec: { minAvailable: 1, selector },
      }),
    isDone: async (live) => {
      const { status } = await live.ask('GET', `${group('policy/v1', live, 'poddisruptionbudgets')}/web`);
      return status.disruptionsAllowed === 1;
    },
  },
  {
    name: 'controller-nodelifecycle',
    change: (live) => live.update(nodePath, (node) => (node.spec.unschedulable = true)),
    isDone: (live) => hasTaint(live, 'node.kubernetes.io/unschedulable'),
  },
  {
    name: 'controller-taintmanager',
    async before(live) {
      const spec = { nodeName: spareNode, containers: podSpec.containers };
      await live.ask('POST', core(live, 'pods'), { metadata: { name: 'guest' }, spec });
      await live.until('the pod', async () => (await readyPods(live)) === 1);
    },
    change: (live) =>
      live.update(nodePath, (node) => {
        node.spec.taints = [...(node.spec.taints ?? []), { key: 'example.com/closed', effect: 'NoExecute' }];
      }),
    isDone: async (live) => (await items(live, core(live, 'pods'))).length === 0,
  },
];

export const liveCases: readonly LiveCase[] = [
  ...workloads,
  ...services,
  ...storage,
  ...cleanUp,
  ...published,
  ...identityCases,
  ...kinds,
  ...limits,
  ...nodes,
];
