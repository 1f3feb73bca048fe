/** The pods of a daemon set: bound to their node by affinity, tolerant of what nodes go through. */
import { podFromTemplate } from '@timonel/sdk/controller';
import { daemonSets, type DaemonSet, type Pod, type PodSpec, type Toleration } from '@timonel/sdk/kube';

export const hashLabel = 'controller-revision-hash';
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

const exists = (key: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${key}`,
  operator: 'Exists',
  effect,
});

const always: readonly Toleration[] = [
  exists('not-ready', 'NoExecute'),
  exists('unreachable', 'NoExecute'),
  exists('disk-pressure', 'NoSchedule'),
  exists('memory-pressure', 'NoSchedule'),
  exists('pid-pressure', 'NoSchedule'),
  exists('unschedulable', 'NoSchedule'),
];

function sameToleration(a: Toleration, b: Toleration): boolean {
  return a.key === b.key && a.operator === b.operator && a.effect === b.effect && (a.value ?? '') === (b.value ?? '');
}

/** What the template tolerates, and what every daemon must. */
export function tolerationsOf(spec: PodSpec): Toleration[] {
  const given = spec.tolerations ?? [];
  const added = spec.hostNetwork === true ? [...always, exists('network-unavailable', 'NoSchedule')] : always;
  return [...given.filter((one) => !added.some((other) => sameToleration(one, other))), ...added];
}

/** The node that a pod is for, whether it is there already or only its affinity says so. */
export function targetNode(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  for (const { matchFields = [] } of terms) {
    for (const { key, operator, values = [] } of matchFields) {
      if (key === 'metadata.name' && operator === 'In' && values.length === 1) return values[0];
    }
  }
  return undefined;
}

export function newPod(set: DaemonSet, nodeName: string, hash: string): Pod {
  const pod = podFromTemplate(set.spec.template, set, daemonSets, { generateName: `${set.metadata.name}-` });
  const generation = set.metadata.annotations?.[generationAnnotation];
  const { affinity } = pod.spec;
  const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }];
  return {
    metadata: {
      ...pod.metadata,
      labels: {
        ...pod.metadata.labels,
        [hashLabel]: hash,
        ...(generation === undefined ? {} : { [generationLabel]: generation }),
      },
    },
    spec: {
      ...pod.spec,
      affinity: {
        ...affinity,
        // What else the template requires of nodes has been looked at already.
        nodeAffinity: {
          ...affinity?.nodeAffinity,
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
        },
      },
      tolerations: tolerationsOf(pod.spec),
    },
  };
}
