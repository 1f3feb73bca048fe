/** Nodes and pods in few words. */
import type { Node, Pod, PodSpec } from '@timonel/sdk/kube';
import type { PodInfo } from '@timonel/sdk/contracts/scheduler';
import { PodClasses } from '@timonel/sdk/scheduling';

const classes = new PodClasses();
let serial = 0;

export interface NodeSketch {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Partial<Node['spec']>;
}

export function aNode(name: string, { cpu = '4', memory = '8Gi', pods = '10', labels, spec }: NodeSketch = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: { ...spec },
    status: { allocatable: { cpu, memory, pods } },
  };
}

export interface PodSketch {
  readonly cpu?: string;
  readonly memory?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec?: Partial<PodSpec>;
}

export function aPod({ cpu = '1', memory = '64Mi', labels = {}, annotations = {}, spec }: PodSketch = {}): PodInfo {
  serial += 1;
  const name = `pod-${serial}`;
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${serial}`,
      labels: { ...labels },
      annotations: { ...annotations },
    },
    spec: {
      containers: [{ name: 'main', image: 'example.com/main:1', resources: { requests: { cpu, memory } } }],
      ...spec,
    },
  };
  return classes.infoOf(pod);
}

/** A member of a pod group. */
export function aMember(group: string, minMember: number, sketch: PodSketch = {}): PodInfo {
  return aPod({
    ...sketch,
    labels: { ...sketch.labels, 'scheduling.timonel.dev/pod-group': group },
    annotations: { 'scheduling.timonel.dev/min-member': String(minMember) },
  });
}
