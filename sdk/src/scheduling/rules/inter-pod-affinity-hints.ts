/** Which events may help a pod that terms of affinity kept from every node. */
import type { Node } from '../../kube/index.ts';
import type {
  ClusterEvent,
  PodClass,
  PodInfo,
  PodMatcher,
  PodTerm,
  RequeueHint,
} from '../../contracts/scheduler/index.ts';

/** Labels of namespaces are not known here: they may fit. */
function mayMean({ matcher }: { readonly matcher: PodMatcher }, pod: PodClass): boolean {
  return matcher.byNamespaceLabels || matcher.matches(pod, {});
}

function mayBeWanted(pod: PodClass, other: PodClass): boolean {
  return pod.requiredAffinity.length > 0 && pod.requiredAffinity.every((term) => mayMean(term, other));
}

/** Whether one of the two keeps the other away. */
function mayRepel(pod: PodClass, other: PodClass): boolean {
  return (
    pod.requiredAntiAffinity.some((term) => mayMean(term, other)) ||
    other.requiredAntiAffinity.some((term) => mayMean(term, pod))
  );
}

function requiredTerms({ requiredAffinity, requiredAntiAffinity }: PodClass): readonly PodTerm[] {
  return [...requiredAffinity, ...requiredAntiAffinity];
}

function labelOf({ metadata: { labels = {} } }: Node, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function afterPodUpdate({ class: pod }: PodInfo, event: ClusterEvent): boolean {
  if (event.kind !== 'pod-updated') return true;
  const [before, now] = [event.old.class, event.pod.class];
  if (before === now) return false;
  return (!mayBeWanted(pod, before) && mayBeWanted(pod, now)) || mayRepel(pod, before);
}

/** A pod without required terms was kept away by terms of others, whose topologies are not known here. */
function afterNode({ class: pod }: PodInfo, event: ClusterEvent): boolean {
  if (event.kind === 'node-added') {
    const { requiredAffinity } = pod;
    return (
      requiredAffinity.length === 0 ||
      requiredAffinity.some((term) => labelOf(event.node, term.topologyKey) !== undefined)
    );
  }
  if (event.kind !== 'node-updated') return true;
  if (!event.parts.includes('labels')) return false;
  const terms = requiredTerms(pod);
  const { node, old } = event;
  return terms.length === 0 || terms.some(({ topologyKey: key }) => labelOf(node, key) !== labelOf(old, key));
}

export const affinityHints: readonly RequeueHint[] = [
  {
    event: 'pod-bound',
    helps: ({ class: pod }, event) => event.kind !== 'pod-bound' || mayBeWanted(pod, event.pod.class),
  },
  {
    event: 'pod-removed',
    // With the last of the wanted gone, the pod may be the first.
    helps: ({ class: pod }, event) =>
      event.kind !== 'pod-removed' || mayRepel(pod, event.pod.class) || mayBeWanted(pod, event.pod.class),
  },
  { event: 'pod-updated', helps: afterPodUpdate },
  { event: 'node-added', helps: afterNode },
  { event: 'node-updated', helps: afterNode },
  {
    event: 'object-changed',
    helps: ({ class: pod }, event) => {
      if (event.kind !== 'object-changed' || event.resource !== 'namespaces') return event.kind !== 'object-changed';
      const terms = requiredTerms(pod);
      return terms.length === 0 || terms.some(({ matcher }) => matcher.byNamespaceLabels);
    },
  },
];
