/** Pods and nodes for the tests of this folder. */
import { PodClasses } from '@timonel/sdk/scheduling';
import type { ClusterObjects, PodInfo } from '@timonel/sdk/contracts/scheduler';
import type { Node, Pod, PodSpec } from '@timonel/sdk/kube';

const classes = new PodClasses();

export const infoOf = (pod: Pod): PodInfo => classes.infoOf(pod);

export function aPod(name: string, spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}`, ...metadata },
    spec: { containers: [{ name: 'c', image: 'x:1' }], ...spec },
  };
}

export const aPodInfo = (name: string, spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): PodInfo =>
  infoOf(aPod(name, spec, metadata));

export function aNode(name: string, more: Partial<Node> = {}): Node {
  const allocatable = { cpu: '2', memory: '4Gi', pods: '10' };
  return { metadata: { name, uid: `node-${name}` }, spec: {}, status: { allocatable }, ...more };
}

export const noObjects: ClusterObjects = {
  generation: 1,
  namespaceLabels: () => ({}),
  persistentVolumeClaim: () => undefined,
  persistentVolume: () => undefined,
  persistentVolumes: () => [],
  storageClass: () => undefined,
  csiNode: () => undefined,
  podDisruptionBudgets: () => [],
};
