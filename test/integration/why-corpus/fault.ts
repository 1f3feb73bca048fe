/** What a seeded fault consists of, and short forms for its objects. */
import type { KubeObject, Node, Pod, PodSpec, Quantities, Taint } from '@timonel/sdk/kube';
import type { ListedObjects } from '@timonel/sdk/scheduling';

export interface Expected {
  readonly code: string;
  /** Default: any. */
  readonly plugin?: string;
  /** A part of the text of the cause. */
  readonly text?: string;
  /** A part of what would help. */
  readonly unblock?: string;
}

/** What goes on beside the state of the cluster. */
export type Circumstance =
  /** Nobody provides a scheduler. */
  | 'no-scheduler'
  /** A plugin of the scheduler throws. */
  | 'throwing-plugin'
  /** A plugin refuses at Permit. */
  | 'refused'
  /** The API does not take the binding. */
  | 'binding-fails'
  /** After the decision a node comes on which there is room. */
  | 'room-comes'
  /** Victims were chosen and have not gone yet. */
  | 'preempting';

export interface Fault {
  readonly name: string;
  readonly nodes: readonly Node[];
  /** Pods that have a node. */
  readonly placed?: readonly Pod[];
  /** Pods that wait; the first is asked about. */
  readonly pods: readonly Pod[];
  readonly objects?: ListedObjects;
  readonly circumstance?: Circumstance;
  readonly expected: Expected;
}

interface NodeShape {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly more?: Quantities;
  readonly labels?: Readonly<Record<string, string>>;
  readonly zone?: string;
  readonly taints?: readonly string[];
  readonly cordoned?: boolean;
}

/** `key=value:Effect`. */
function taintOf(text: string): Taint {
  const [, key = '', value, effect = ''] = /^([^=:]+)(?:=([^:]*))?:(.*)$/.exec(text) ?? [];
  return { key, effect, ...(value === undefined ? {} : { value }) };
}

export const notReady = 'node.kubernetes.io/not-ready:NoSchedule';
const cordon = 'node.kubernetes.io/unschedulable:NoSchedule';

export function node(name: string, shape: NodeShape = {}): Node {
  const { cpu = '4', memory = '8Gi', pods = '20', more = {}, labels = {}, zone, taints = [], cordoned = false } = shape;
  const all = { 'kubernetes.io/hostname': name, ...labels };
  const zoned = zone === undefined ? all : { ...all, 'topology.kubernetes.io/zone': zone };
  const keepsAway = [...taints, ...(cordoned ? [cordon] : [])].map(taintOf);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: zoned },
    spec: { ...(cordoned ? { unschedulable: true } : {}), ...(keepsAway.length > 0 ? { taints: keepsAway } : {}) },
    status: { allocatable: { cpu, memory, pods, 'ephemeral-storage': '100Gi', ...more } },
  };
}

interface PodShape {
  readonly on?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly more?: Quantities;
  readonly labels?: Readonly<Record<string, string>>;
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly claims?: readonly string[];
  readonly hostPort?: number;
  readonly spec?: Partial<PodSpec>;
  readonly deleted?: boolean;
}

export function pod(name: string, shape: PodShape = {}): Pod {
  const { on, cpu = '100m', memory = '64Mi', more = {}, labels = {}, namespace = 'shop', annotations = {} } = shape;
  const ports = shape.hostPort === undefined ? {} : { ports: [{ containerPort: 80, hostPort: shape.hostPort }] };
  const volumes = shape.claims?.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `${namespace}/${name}`,
      labels: { ...labels },
      annotations: { ...annotations },
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(shape.deleted === true
        ? { deletionTimestamp: '2026-01-01T01:00:00Z', finalizers: ['example.com/guard'] }
        : {}),
    },
    spec: {
      containers: [
        { name: 'main', image: 'example.com/app:1', resources: { requests: { cpu, memory, ...more } }, ...ports },
      ],
      ...(on === undefined ? {} : { nodeName: on }),
      ...(volumes === undefined ? {} : { volumes }),
      ...shape.spec,
    },
    status: { phase: on === undefined ? 'Pending' : 'Running' },
  };
}

/** Nodes `n1` … `nCOUNT`. */
export function nodes(count: number, shape: NodeShape | ((index: number) => NodeShape) = {}): Node[] {
  return Array.from({ length: count }, (_, at) =>
    node(`n${at + 1}`, typeof shape === 'function' ? shape(at + 1) : shape),
  );
}

/** A pod on each of the nodes. */
export function fill(on: readonly Node[], shape: PodShape): Pod[] {
  return on.map(({ metadata: { name = '' } }) => pod(`on-${name}`, { ...shape, on: name }));
}

export const hostname = 'kubernetes.io/hostname';
export const zoneLabel = 'topology.kubernetes.io/zone';
const required = 'requiredDuringSchedulingIgnoredDuringExecution';

interface TermShape {
  readonly app: string;
  readonly by?: string;
}

/** A required term of pod affinity or anti-affinity to pods with `app=…`. */
export function podTerm(kind: 'podAffinity' | 'podAntiAffinity', { app, by = hostname }: TermShape): Partial<PodSpec> {
  return { affinity: { [kind]: { [required]: [{ topologyKey: by, labelSelector: { matchLabels: { app } } }] } } };
}

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: string[];
}

/** A required term of node affinity. */
export function nodeTerm(of: { labels?: readonly Requirement[]; fields?: readonly Requirement[] }): Partial<PodSpec> {
  const term = {
    ...(of.labels === undefined ? {} : { matchExpressions: of.labels }),
    ...(of.fields === undefined ? {} : { matchFields: of.fields }),
  };
  return { affinity: { nodeAffinity: { [required]: { nodeSelectorTerms: [term] } } } } as Partial<PodSpec>;
}

interface SpreadShape {
  readonly app: string;
  readonly by?: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

export function spread({ app, by = zoneLabel, more = {} }: SpreadShape): Partial<PodSpec> {
  const constraint = { topologyKey: by, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule', ...more };
  return { topologySpreadConstraints: [{ ...constraint, labelSelector: { matchLabels: { app } } }] };
}

export function object(name: string, rest: Readonly<Record<string, unknown>>, namespace?: string): KubeObject {
  return { metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, ...rest };
}

interface ClaimShape {
  readonly volume?: string;
  readonly storageClass?: string;
  readonly modes?: readonly string[];
  readonly phase?: string;
}

export function claim(
  name: string,
  { volume, storageClass, modes = ['ReadWriteOnce'], phase }: ClaimShape = {},
): KubeObject {
  const bound = volume === undefined ? {} : { volumeName: volume };
  const status = { phase: phase ?? (volume === undefined ? 'Pending' : 'Bound') };
  const annotations = volume === undefined ? {} : { 'pv.kubernetes.io/bind-completed': 'yes' };
  return {
    metadata: { name, namespace: 'shop', annotations },
    spec: {
      accessModes: modes,
      resources: { requests: { storage: '1Gi' } },
      ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
      ...bound,
    },
    status,
  } as KubeObject;
}

interface VolumeShape {
  readonly zone?: string;
  /** As a label, in the way of old volumes. */
  readonly zoneLabel?: string;
  readonly host?: string;
  readonly driver?: string;
}

export function volume(name: string, shape: VolumeShape = {}): KubeObject {
  const [key, value] = shape.host === undefined ? [zoneLabel, shape.zone] : [hostname, shape.host];
  const terms = [{ matchExpressions: [{ key, operator: 'In', values: [value] }] }];
  return {
    metadata: { name, labels: shape.zoneLabel === undefined ? {} : { [zoneLabel]: shape.zoneLabel } },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      ...(shape.driver === undefined ? {} : { csi: { driver: shape.driver, volumeHandle: name } }),
      ...(value === undefined ? {} : { nodeAffinity: { required: { nodeSelectorTerms: terms } } }),
    },
    status: { phase: 'Bound' },
  } as KubeObject;
}

export const waitingClass: KubeObject = object('late', {
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
});
