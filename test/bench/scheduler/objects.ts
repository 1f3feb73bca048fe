/** The objects that the operations of a workload ask for, with their names. */
import type { KubeObject, Node } from '@timonel/sdk/kube';
import type { CreateNamespaces, CreateNodes, Template } from './workload/operations.ts';
import { objectMaker } from './workload/template.ts';

const hostnameLabel = 'kubernetes.io/hostname';

const defaultNode: Node = {
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { generateName: 'scheduler-perf-' },
  spec: {},
  status: {
    capacity: { cpu: '4', memory: '32Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True' }],
  },
};

/** Gives the name that the server would have made up, so that it is known beforehand. */
export function named<T extends KubeObject>(object: T, ending: string): T {
  const { metadata } = object;
  metadata.name ??= `${metadata.generateName ?? `${(object.kind ?? 'object').toLowerCase()}-`}${ending}`;
  delete metadata.generateName;
  return object;
}

function prepare(node: Node, { strategy }: CreateNodes, index: number): void {
  const labels = (node.metadata.labels ??= {});
  const name = node.metadata.name ?? '';
  labels[hostnameLabel] ??= name;
  // As the server fills it in: an object without it would be no node for a scheduler.
  node.spec ??= {};
  const status = (node.status ??= {});
  if (strategy?.kind === 'label') labels[strategy.key] = strategy.values[index % strategy.values.length] ?? '';
  if (strategy?.kind === 'unique-label') labels[strategy.key] = name;
  if (strategy?.kind === 'allocatable') Object.assign((status.capacity ??= {}), strategy.allocatable);
  status.allocatable ??= { ...status.capacity };
}

/** `first`: the number of nodes that other operations have made. */
export function makeNodes(operation: CreateNodes, first: number): Node[] {
  const { template, count } = operation;
  const make = template === undefined ? (): KubeObject => structuredClone(defaultNode) : objectMaker(template, count);
  return Array.from({ length: count }, (_, index) => {
    const node: Node = named({ spec: {}, ...make(index) }, String(first + index));
    prepare(node, operation, index);
    return node;
  });
}

export function makeNamespaces({ prefix, count, template }: CreateNamespaces): KubeObject[] {
  const make = template === undefined ? namespaceObject : objectMaker(template, count);
  return Array.from({ length: count }, (_, index) => {
    const object = make(index);
    return { ...object, metadata: { ...object.metadata, name: `${prefix}-${index}` } };
  });
}

const namespaceObject = (): KubeObject => ({ apiVersion: 'v1', kind: 'Namespace', metadata: {} });

export const makeNamespace = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
});

const clusterWide: ReadonlySet<string> = new Set([
  'Node',
  'Namespace',
  'PriorityClass',
  'PersistentVolume',
  'StorageClass',
  'CSINode',
]);

/** Objects of a template in a namespace, where they have one. */
export function makeObjects(template: Template, count: number, namespace: string, endingOf: (index: number) => string) {
  const make = objectMaker(template, count);
  return Array.from({ length: count }, (_, index): KubeObject => {
    const object = named(make(index), endingOf(index));
    if (!clusterWide.has(object.kind ?? '')) object.metadata.namespace = namespace;
    if (object.kind === 'Node') prepare(object as Node, plainNodes, index);
    return object;
  });
}

const plainNodes: CreateNodes = { opcode: 'createNodes', count: 1, template: undefined, strategy: undefined };
