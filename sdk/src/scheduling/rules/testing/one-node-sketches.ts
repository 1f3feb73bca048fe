/** Random nodes, pods, claims and volumes, with all that rules about single nodes look at. */
import fc from 'fast-check';
import type { KubeObject, Node, Pod, PodSpec, Taint } from '../../../kube/index.ts';
import type { ClusterObjects } from '../../../contracts/scheduler/index.ts';

const maybe = <T>(...values: T[]): fc.Arbitrary<T | undefined> => fc.constantFrom(undefined, ...values);

const taints: readonly Taint[] = [
  { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' },
  { key: 'dedicated', value: 'db', effect: 'NoExecute' },
  { key: 'away', effect: 'NoSchedule' },
  { key: 'soft', value: '1', effect: 'PreferNoSchedule' },
  { key: 'dedicated', value: 'gpu', effect: 'PreferNoSchedule' },
];

const imageNames = ['redis:latest', 'app:v1', 'registry:5000/tool:latest'];
const mebibyte = 1024 * 1024;

const images = fc.array(
  fc.record({
    names: fc.uniqueArray(fc.constantFrom(...imageNames), { minLength: 1, maxLength: 2 }),
    sizeBytes: fc.constantFrom(5 * mebibyte, 400 * mebibyte, 3000 * mebibyte),
  }),
  { maxLength: 2 },
);

const nodeLabels = fc.record({
  disk: maybe('ssd', 'hdd'),
  size: maybe('5', '10', '12345678901234567890', 'x'),
  constructor: maybe('x'),
  'topology.kubernetes.io/zone': maybe('a', 'b'),
  'failure-domain.beta.kubernetes.io/zone': maybe('a'),
  'topology.kubernetes.io/region': maybe('r'),
});

const quantities = fc.record({
  cpu: maybe('1', '1500m', '4'),
  memory: fc.constantFrom('1Gi', '4Gi', '0'),
  pods: fc.constantFrom('1', '3', '10'),
  'ephemeral-storage': maybe('10Gi'),
  'example.com/gpu': maybe('0', '2'),
});

function defined<T>(record: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Record<string, T>;
}

export type NodeSketch = Omit<Node, 'metadata'> & { readonly labels: Record<string, string> };

export const nodeSketch: fc.Arbitrary<NodeSketch> = fc
  .record({
    labels: nodeLabels,
    taints: fc.subarray([...taints]),
    unschedulable: fc.constantFrom(false, false, true),
    allocatable: quantities,
    images,
  })
  .map(({ labels, taints, unschedulable, allocatable, images }) => ({
    labels: defined<string>(labels),
    spec: { ...(taints.length > 0 ? { taints } : {}), ...(unschedulable ? { unschedulable } : {}) },
    status: { allocatable: defined<string>(allocatable), images },
  }));

export function nodeOf(name: string, { labels, ...rest }: NodeSketch): Node {
  return { metadata: { name, labels: { ...labels, 'kubernetes.io/hostname': name } }, ...rest };
}

const requests = fc
  .record({
    cpu: maybe('0', '100m', '1', '3'),
    memory: maybe('256Mi', '2Gi'),
    'ephemeral-storage': maybe('6Gi'),
    'example.com/gpu': maybe('1', '3'),
  })
  .map((of) => defined<string>(of));

const ports = fc.array(
  fc.record(
    {
      containerPort: fc.constantFrom(80, 81),
      hostPort: fc.constantFrom(80, 443),
      hostIP: fc.constantFrom('0.0.0.0', '10.0.0.1', '10.0.0.2'),
      protocol: fc.constantFrom('TCP', 'UDP'),
    },
    { requiredKeys: ['containerPort'] },
  ),
  { maxLength: 1 },
);

const container = fc
  .record({
    name: fc.constant('c'),
    image: maybe('redis', 'app:v1', 'registry:5000/tool', 'other'),
    resources: fc.record({ requests, limits: fc.constantFrom({}, {}, { cpu: '2' }) }),
    ports,
    restartPolicy: maybe('Always'),
  })
  .map((of) => ({
    name: of.name,
    resources: of.resources,
    ports: of.ports,
    ...defined({ image: of.image, restartPolicy: of.restartPolicy }),
  }));

const soundExpression = fc.constantFrom(
  { key: 'disk', operator: 'In', values: ['ssd', 'nvme'] },
  { key: 'disk', operator: 'In', values: ['hdd'] },
  { key: 'disk', operator: 'NotIn', values: ['ssd'] },
  { key: 'disk', operator: 'Exists' },
  { key: 'constructor', operator: 'DoesNotExist' },
  { key: 'size', operator: 'Gt', values: ['5'] },
  { key: 'size', operator: 'Lt', values: ['7'] },
);
const malformedExpression = fc.constantFrom(
  { key: 'disk', operator: 'In', values: [] },
  { key: 'size', operator: 'Gt', values: ['many'] },
  { key: 'disk', operator: 'Exists', values: ['ssd'] },
  { key: 'disk', operator: 'NotIn', values: ['not a label'] },
);
const expression = fc.oneof({ weight: 5, arbitrary: soundExpression }, { weight: 1, arbitrary: malformedExpression });
const field = fc.constantFrom(
  { key: 'metadata.name', operator: 'In', values: ['n1'] },
  { key: 'metadata.name', operator: 'In', values: ['n33'] },
  { key: 'metadata.name', operator: 'NotIn', values: ['n1'] },
  { key: 'metadata.name', operator: 'In', values: ['n1', 'n2'] },
);
const term = fc.record({
  matchExpressions: fc.array(expression, { maxLength: 2 }),
  matchFields: fc.oneof(
    { weight: 2, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(field, { maxLength: 2 }) },
  ),
});
const nodeAffinity = fc.record(
  {
    requiredDuringSchedulingIgnoredDuringExecution: fc.record({
      nodeSelectorTerms: fc.array(term, { maxLength: 2 }),
    }),
    preferredDuringSchedulingIgnoredDuringExecution: fc.array(
      fc.record({ weight: fc.constantFrom(1, 30, 100), preference: term }),
      { maxLength: 2 },
    ),
  },
  { requiredKeys: [] },
);

const tolerations = fc.array(
  fc.constantFrom(
    { key: 'dedicated', operator: 'Equal', value: 'gpu', effect: 'NoSchedule' },
    { key: 'dedicated', value: 'db' },
    { key: 'dedicated', operator: 'Exists', effect: 'PreferNoSchedule' },
    { key: 'away', operator: 'Exists' },
    { operator: 'Exists', effect: 'NoSchedule' },
    { key: 'dedicated', operator: 'Odd', value: 'gpu' },
    { key: 'node.kubernetes.io/unschedulable', operator: 'Exists' },
  ),
  { maxLength: 2 },
);

const claimNames = ['c0', 'c1', 'c2', 'c3', 'p-scratch'];
const volume = fc.constantFrom<NonNullable<PodSpec['volumes']>[number][]>(
  { name: 'v', persistentVolumeClaim: { claimName: 'c0' } },
  { name: 'v', persistentVolumeClaim: { claimName: 'c1' } },
  { name: 'v', persistentVolumeClaim: { claimName: 'c2' } },
  { name: 'v', persistentVolumeClaim: { claimName: 'c3' } },
  { name: 'scratch', ephemeral: {} },
  { name: 'v', emptyDir: {} },
  { name: 'v', gcePersistentDisk: { pdName: 'd' } },
  { name: 'v', gcePersistentDisk: { pdName: 'd', readOnly: true } },
  { name: 'v', awsElasticBlockStore: { volumeID: 'd' } },
  { name: 'v', iscsi: { iqn: 'd', readOnly: true } },
  { name: 'v', iscsi: { iqn: 'd' } },
  { name: 'v', rbd: { monitors: ['m1', 'm2'], image: 'd' } },
  { name: 'v', rbd: { monitors: ['m2', 'm3'], image: 'd', pool: 'rbd', readOnly: true } },
  { name: 'v', rbd: { monitors: ['m4'], image: 'd' } },
);
const volumes = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 3, arbitrary: fc.array(volume, { maxLength: 2 }) },
);

export const podSketch: fc.Arbitrary<Pod> = fc
  .record({
    namespace: fc.constantFrom('x', 'x', 'y'),
    uid: fc.constantFrom('u1', 'u2'),
    containers: fc.array(container, { minLength: 1, maxLength: 2 }),
    initContainers: fc.oneof(fc.constant([]), fc.array(container, { maxLength: 2 })),
    overhead: maybe({ cpu: '50m' }),
    hostNetwork: fc.constantFrom(false, false, true),
    nodeSelector: maybe<unknown>({ disk: 'ssd' }, { constructor: 'x' }),
    nodeAffinity: fc.oneof(fc.constant(undefined), nodeAffinity),
    tolerations,
    nodeName: fc.constantFrom(undefined, undefined, undefined, 'n1'),
    volumes,
  })
  .map(({ namespace, uid, nodeAffinity, nodeSelector, overhead, nodeName, ...spec }) => ({
    metadata: { namespace, uid, name: 'p' },
    spec: {
      ...spec,
      ...defined<unknown>({ nodeSelector, overhead, nodeName }),
      ...(nodeAffinity === undefined ? {} : { affinity: { nodeAffinity } }),
    } as unknown as PodSpec,
  }));

const claimVolume = fc
  .constantFrom(...claimNames.slice(0, 4))
  .map((claimName) => ({ persistentVolumeClaim: { claimName } }));
const claimVolumes = fc.array(
  fc.oneof({ weight: 5, arbitrary: claimVolume }, { weight: 1, arbitrary: fc.constant({ ephemeral: {} }) }),
  {
    minLength: 1,
    maxLength: 3,
  },
);

/** A pod with claims, in the namespace of the claims. */
export const claimingPodSketch: fc.Arbitrary<Pod> = fc
  .record({ pod: podSketch, volumes: claimVolumes })
  .map(({ pod, volumes }) => ({
    metadata: { ...pod.metadata, namespace: 'x' },
    spec: {
      ...pod.spec,
      volumes: volumes.map((source, at) => ({ name: 'ephemeral' in source ? 'scratch' : `v${at}`, ...source })),
    },
  }));

const bindCompleted = { 'pv.kubernetes.io/bind-completed': 'yes' };
const claimSpec = fc
  .record({
    accessModes: fc.constantFrom(['ReadWriteOnce'], ['ReadWriteOncePod'], ['ReadWriteMany']),
    storageClassName: maybe('fast', 'local', 'now', 'gone'),
    volumeName: maybe('v0', 'v1', 'v2', 'lost'),
    selector: fc.constantFrom(undefined, undefined, { matchLabels: { tier: 'gold' } }),
    storage: fc.constantFrom('1Gi', '5Gi'),
    volumeMode: fc.constantFrom(undefined, undefined, undefined, 'Block'),
  })
  .map(({ storage, ...of }) => ({ ...defined(of as Record<string, unknown>), resources: { requests: { storage } } }));

type ClaimState = 'open' | 'bound' | 'odd';

/** Mostly claims that have their volume, or get one where the pod goes; now and then any mixture. */
function withState(spec: Record<string, unknown>, state: ClaimState, local: boolean): Record<string, unknown> {
  const { volumeName, ...rest } = spec;
  if (state === 'odd') return spec;
  if (state === 'bound') return { ...rest, volumeName: volumeName ?? 'v3' };
  return { ...rest, storageClassName: local ? 'local' : 'fast' };
}

export const claimSketch: fc.Arbitrary<KubeObject> = fc
  .record({
    spec: claimSpec,
    state: fc.constantFrom<ClaimState[]>('open', 'open', 'open', 'bound', 'bound', 'odd'),
    local: fc.boolean(),
    bound: fc.boolean(),
    selected: fc.constantFrom(undefined, undefined, undefined, 'n1'),
    phase: fc.constantFrom(...Array.from({ length: 15 }, () => 'Pending'), 'Lost'),
    deleted: fc.constantFrom(...Array.from({ length: 15 }, () => false), true),
    owner: fc.constantFrom('u1', 'u1', 'u2'),
  })
  .map(({ spec, state, local, bound, selected, phase, deleted, owner }) => ({
    metadata: {
      namespace: 'x',
      annotations: {
        ...(state === 'bound' || (state === 'odd' && bound) ? bindCompleted : {}),
        ...defined({ 'volume.kubernetes.io/selected-node': selected }),
      },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: owner, controller: true }],
      ...(deleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: withState(spec, state, local),
    status: { phase },
  }));

const volumeAffinity = fc.constantFrom(
  undefined,
  {
    required: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n1'] }] }],
    },
  },
  { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }] }] } },
);

export const volumeSketch: fc.Arbitrary<KubeObject> = fc
  .record({
    labels: fc.record({
      tier: maybe('gold'),
      'topology.kubernetes.io/zone': maybe('a', 'a__b'),
      'failure-domain.beta.kubernetes.io/zone': maybe('b'),
    }),
    accessModes: fc.constantFrom(['ReadWriteOnce', 'ReadWriteMany'], ['ReadWriteOnce', 'ReadWriteOncePod']),
    storage: fc.constantFrom('1Gi', '5Gi', '10Gi'),
    storageClassName: fc.constantFrom('local', 'local', 'fast'),
    claimRef: fc.constantFrom(undefined, undefined, { namespace: 'x', name: 'c0' }),
    csi: maybe({ driver: 'csi.a', volumeHandle: 'h1' }, { driver: 'csi.a', volumeHandle: 'h2' }),
    nodeAffinity: volumeAffinity,
    phase: fc.constantFrom('Available', 'Available', 'Bound'),
  })
  .map(({ labels, storage, claimRef, csi, nodeAffinity, phase, ...spec }) => ({
    metadata: { labels: defined<string>(labels) },
    spec: { ...spec, capacity: { storage }, ...defined<unknown>({ claimRef, csi, nodeAffinity }) },
    status: { phase },
  }));

const storageClasses = [
  {
    metadata: { name: 'fast' },
    provisioner: 'csi.a',
    volumeBindingMode: 'WaitForFirstConsumer',
    allowedTopologies: [{ matchLabelExpressions: [{ key: 'topology.kubernetes.io/zone', values: ['a'] }] }, {}],
  },
  {
    metadata: { name: 'local' },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
  },
  { metadata: { name: 'now' }, provisioner: 'csi.a', volumeBindingMode: 'Immediate' },
];

export interface ObjectsSketch {
  readonly claims: readonly KubeObject[];
  readonly volumes: readonly KubeObject[];
  readonly limit: number | undefined;
}

export const objectsSketch: fc.Arbitrary<ObjectsSketch> = fc.record({
  claims: fc.array(claimSketch, { minLength: 3, maxLength: claimNames.length }),
  volumes: fc.array(volumeSketch, { minLength: 2, maxLength: 4 }),
  limit: fc.constantFrom(undefined, 1, 2, 3),
});

function named(objects: readonly KubeObject[], names: readonly string[]): Map<string, KubeObject> {
  return new Map(
    objects.map((object, at) => {
      const name = names[at] ?? `v${at}`;
      return [name, { ...object, metadata: { ...object.metadata, name } }];
    }),
  );
}

export function objectsOf({ claims, volumes, limit }: ObjectsSketch, generation: number): ClusterObjects {
  const claimsByName = named(claims, claimNames);
  const volumesByName = named(volumes, []);
  const drivers = [{ name: 'csi.a', ...(limit === undefined ? {} : { allocatable: { count: limit } }) }];
  return {
    generation,
    namespaceLabels: () => ({}),
    persistentVolumeClaim: (namespace, name) => (namespace === 'x' ? claimsByName.get(name) : undefined),
    persistentVolume: (name) => volumesByName.get(name),
    persistentVolumes: () => volumesByName.values(),
    storageClass: (name) => storageClasses.find(({ metadata }) => metadata.name === name),
    csiNode: (name) => (name.endsWith('2') ? undefined : ({ metadata: { name }, spec: { drivers } } as KubeObject)),
    podDisruptionBudgets: () => [],
  };
}
