/** A pod as it would be without one of its demands: whether it would fit then tells whether this demand is what keeps it out. */
import type { ExplainedRejection } from '@timonel/sdk/contracts/scheduler';
import type { Container, Node, Pod, PodSpec, Quantities, Toleration } from '@timonel/sdk/kube';
import { textOf } from './root-cause.ts';

export interface WhatIf {
  /** The same for the same change. */
  readonly key: string;
  readonly pod: Pod;
}

const cordoned = 'node.kubernetes.io/unschedulable';

type Nodes = (name: string) => Node | undefined;

/** Nothing is preempted for a question. */
function withSpec(pod: Pod, change: Partial<PodSpec>): Pod {
  return { ...pod, spec: { ...pod.spec, preemptionPolicy: 'Never', ...change } };
}

function tolerating(pod: Pod, keys: readonly string[]): Pod {
  const more = keys.map((key): Toleration => ({ key, operator: 'Exists' }));
  return withSpec(pod, { tolerations: [...(pod.spec.tolerations ?? []), ...more] });
}

function taintKeys({ detail }: ExplainedRejection, nodeNamed: Nodes): string[] {
  const node = nodeNamed(textOf(detail['node']));
  const keys = node?.spec.taints?.map(({ key }) => key) ?? [];
  return keys.length > 0 ? keys : [textOf(detail['key'])];
}

function withoutResource(quantities: Quantities | undefined, resource: string | undefined): Quantities | undefined {
  if (quantities === undefined || resource === undefined) return undefined;
  const { [resource]: _gone, ...rest } = quantities;
  return rest;
}

function undemanding<C extends Container>(containers: readonly C[], resource: string | undefined): C[] {
  return containers.map((container) => ({
    ...container,
    resources: {
      requests: withoutResource(container.resources?.requests, resource) ?? {},
      limits: withoutResource(container.resources?.limits, resource) ?? {},
    },
  }));
}

/** `resource` undefined: asks for nothing at all. */
function askingLess(pod: Pod, resource: string | undefined): Pod {
  const { containers, initContainers, overhead, resources } = pod.spec;
  const ofPod = resources as Container['resources'];
  return withSpec(pod, {
    containers: undemanding(containers, resource),
    ...(initContainers === undefined ? {} : { initContainers: undemanding(initContainers, resource) }),
    ...(overhead === undefined ? {} : { overhead: withoutResource(overhead, resource) ?? {} }),
    ...(ofPod === undefined
      ? {}
      : {
          resources: {
            requests: withoutResource(ofPod.requests, resource) ?? {},
            limits: withoutResource(ofPod.limits, resource) ?? {},
          },
        }),
  });
}

function withoutPorts(pod: Pod): Pod {
  const strip = <C extends Container>(containers: readonly C[]): C[] =>
    containers.map(({ ports: _ports, ...container }) => container as C);
  const { containers, initContainers } = pod.spec;
  return withSpec(pod, {
    containers: strip(containers),
    ...(initContainers === undefined ? {} : { initContainers: strip(initContainers) }),
  });
}

function withoutNodeAffinity(pod: Pod): Pod {
  const { nodeAffinity: _gone, ...affinity } = pod.spec.affinity ?? {};
  return withSpec(pod, { nodeSelector: {}, affinity });
}

function withoutPodAffinity(pod: Pod, code: string): Pod {
  const { podAffinity: _near, ...others } = pod.spec.affinity ?? {};
  if (code === 'pod-affinity') return withSpec(pod, { affinity: others });
  // Pods of one workload keep each other away: with the one term goes the other, which others have against its labels.
  const { podAntiAffinity: _away, ...affinity } = pod.spec.affinity ?? {};
  return { ...withSpec(pod, { affinity }), metadata: { ...pod.metadata, labels: {} } };
}

function withoutSpread(pod: Pod): Pod {
  return withSpec(pod, { topologySpreadConstraints: [] });
}

/** undefined: no change of the pod stands for it. `whole`: everything that the plugin may find fault with. */
export function whatIf(pod: Pod, rejection: ExplainedRejection, nodeNamed: Nodes, whole = false): WhatIf | undefined {
  const { plugin, code } = rejection;
  switch (plugin) {
    case 'NodeUnschedulable':
      return { key: plugin, pod: tolerating(pod, [cordoned]) };
    case 'TaintToleration': {
      const keys = taintKeys(rejection, nodeNamed);
      return { key: `${plugin} ${keys.toSorted().join(' ')}`, pod: tolerating(pod, keys) };
    }
    case 'NodeAffinity':
      return { key: plugin, pod: withoutNodeAffinity(pod) };
    case 'NodePorts':
      return { key: plugin, pod: withoutPorts(pod) };
    case 'NodeResourcesFit': {
      if (code === 'too-many-pods') return undefined;
      const resource = whole ? undefined : code.slice(code.indexOf('-') + 1);
      return { key: `${plugin} ${resource ?? ''}`, pod: askingLess(pod, resource) };
    }
    case 'VolumeBinding':
    case 'VolumeZone':
    case 'VolumeRestrictions':
    case 'NodeVolumeLimits':
      return { key: 'volumes', pod: withSpec(pod, { volumes: [] }) };
    case 'PodTopologySpread':
      return { key: plugin, pod: withoutSpread(pod) };
    case 'InterPodAffinity':
      return { key: `${plugin} ${code === 'pod-affinity'}`, pod: withoutPodAffinity(pod, code) };
    default:
      return undefined;
  }
}
