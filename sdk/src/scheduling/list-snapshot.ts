/** A snapshot out of lists: for tests, and for looking at a state that does not change. */
import type { KubeObject, Node } from '../kube/index.ts';
import type { ClusterObjects, NodeRow, PodInfo, SchedulerSnapshot } from '../contracts/scheduler/index.ts';

export interface ListedObjects {
  /** Labels by name of the namespace. */
  readonly namespaces?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly claims?: readonly KubeObject[];
  readonly volumes?: readonly KubeObject[];
  readonly storageClasses?: readonly KubeObject[];
  readonly csiNodes?: readonly KubeObject[];
  readonly budgets?: readonly KubeObject[];
  readonly csiDrivers?: readonly KubeObject[];
  readonly csiStorageCapacities?: readonly KubeObject[];
}

const named = (list: readonly KubeObject[] | undefined, name: string, namespace?: string): KubeObject | undefined =>
  list?.find(({ metadata }) => metadata.name === name && (namespace === undefined || metadata.namespace === namespace));

export function listedObjects(objects: ListedObjects = {}): ClusterObjects {
  return {
    generation: 1,
    namespaceLabels: (namespace) => objects.namespaces?.[namespace] ?? {},
    persistentVolumeClaim: (namespace, name) => named(objects.claims, name, namespace),
    persistentVolume: (name) => named(objects.volumes, name),
    persistentVolumes: () => objects.volumes ?? [],
    storageClass: (name) => named(objects.storageClasses, name),
    csiNode: (name) => named(objects.csiNodes, name),
    podDisruptionBudgets: () => objects.budgets ?? [],
    csiDriver: (name) => named(objects.csiDrivers, name),
    csiStorageCapacities: () => objects.csiStorageCapacities ?? [],
  };
}

/** Nodes in their order; `podsOn`: the pods of a node, by its name. */
export function listSnapshot(
  nodes: readonly Node[],
  podsOn: (name: string) => readonly PodInfo[] = () => [],
  objects: ClusterObjects = listedObjects(),
): SchedulerSnapshot {
  const rows = nodes.map((node): NodeRow => {
    const name = node.metadata.name ?? '';
    return { name, node, pods: podsOn(name), nominated: [], generation: 1 };
  });
  const changedSince = (generation: number): readonly number[] | undefined => (generation >= 1 ? [] : undefined);
  return { generation: 1, rows, nodeCount: rows.length, changedSince, objects };
}
