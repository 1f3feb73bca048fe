/** Parses pods into classes: what decides about the placement of a pod, once for all pods that are alike. */
import type { LabelRequirement, LabelSelector, Pod, PodSpec, Selector } from '../kube/index.ts';
import type {
  PodClass,
  PodGroupRef,
  PodInfo,
  PodTerm,
  SpreadConstraint,
  WeightedPodTerm,
} from '../contracts/scheduler/index.ts';
import { hostPortsOf } from './host-ports.ts';
import { podMatcher } from './pod-matcher.ts';
import { podRequest, scoringRequest } from './pod-request.ts';

/** Label of the members of a pod group: the group's name. */
export const podGroupLabel = 'scheduling.timonel.dev/pod-group';
/** Annotation: how many members a group needs at least. Default: 1. */
export const minMemberAnnotation = 'scheduling.timonel.dev/min-member';
/** Annotation: how long members wait for each other, in seconds. Default: 60. */
export const groupTimeoutAnnotation = 'scheduling.timonel.dev/group-timeout-seconds';

const defaultGroupTimeoutMs = 60_000;

interface AffinityTerm {
  readonly topologyKey?: string;
  readonly labelSelector?: LabelSelector;
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: LabelSelector;
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
}

interface PodAffinity {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly AffinityTerm[];
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly {
    readonly weight: number;
    readonly podAffinityTerm: AffinityTerm;
  }[];
}

interface SpreadSource {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly whenUnsatisfiable?: string;
  readonly labelSelector?: LabelSelector;
  readonly minDomains?: number;
  readonly nodeAffinityPolicy?: string;
  readonly nodeTaintsPolicy?: string;
  readonly matchLabelKeys?: readonly string[];
}

function sameAs(pod: Pod, keys: readonly string[] | undefined, operator: 'In' | 'NotIn'): Selector {
  const labels = pod.metadata.labels ?? {};
  const requirements: LabelRequirement[] = [];
  for (const key of keys ?? []) {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (value !== undefined) requirements.push({ key, operator, values: [value] });
  }
  return requirements;
}

function termOf(pod: Pod, source: AffinityTerm): PodTerm {
  const topologyKey = source.topologyKey ?? '';
  const named = source.namespaces ?? [];
  const namespaceSelector = source.namespaceSelector ?? undefined;
  const own = named.length === 0 && namespaceSelector === undefined;
  const matcher = podMatcher({
    labelSelector: source.labelSelector,
    namespaces: own ? [pod.metadata.namespace ?? ''] : named,
    namespaceSelector,
    more: [...sameAs(pod, source.matchLabelKeys, 'In'), ...sameAs(pod, source.mismatchLabelKeys, 'NotIn')],
  });
  return { key: `${topologyKey} ${matcher.key}`, topologyKey, matcher };
}

function requiredTerms(pod: Pod, affinity: PodAffinity | undefined): PodTerm[] {
  return (affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => termOf(pod, term));
}

function preferredTerms(pod: Pod, affinity: PodAffinity | undefined): WeightedPodTerm[] {
  return (affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({
    ...termOf(pod, podAffinityTerm),
    weight,
  }));
}

/** As in Kubernetes: an empty selector means the pod itself, but counts no pod. */
function isEmpty({ labelSelector }: SpreadSource, more: Selector): boolean {
  if (labelSelector === undefined || more.length > 0) return false;
  return Object.keys(labelSelector.matchLabels ?? {}).length + (labelSelector.matchExpressions ?? []).length === 0;
}

function constraintOf(pod: Pod, source: SpreadSource, isDefault: boolean): SpreadConstraint {
  const namespace = pod.metadata.namespace ?? '';
  const more = sameAs(pod, source.matchLabelKeys, 'In');
  const countsNone = isEmpty(source, more);
  const labelSelector = countsNone ? undefined : source.labelSelector;
  const matcher = podMatcher({ labelSelector, namespaces: [namespace], more });
  return {
    key: `${source.topologyKey} ${matcher.key}`,
    topologyKey: source.topologyKey,
    maxSkew: source.maxSkew,
    whenUnsatisfiable: source.whenUnsatisfiable === 'ScheduleAnyway' ? 'ScheduleAnyway' : 'DoNotSchedule',
    minDomains: source.minDomains ?? 1,
    nodeAffinityPolicy: source.nodeAffinityPolicy === 'Ignore' ? 'Ignore' : 'Honor',
    nodeTaintsPolicy: source.nodeTaintsPolicy === 'Honor' ? 'Honor' : 'Ignore',
    matcher,
    selfMatch: countsNone || matcher.matches({ namespace, labels: pod.metadata.labels ?? {} }, {}),
    isDefault,
  };
}

/** Source: kube-scheduler, PodTopologySpread's system defaults. */
function defaultConstraints(pod: Pod, labelSelector: LabelSelector | undefined): SpreadConstraint[] {
  if (labelSelector === undefined) return [];
  const whenUnsatisfiable = 'ScheduleAnyway';
  return [
    constraintOf(pod, { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable, labelSelector }, true),
    constraintOf(
      pod,
      { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable, labelSelector },
      true,
    ),
  ];
}

function claimsOf(pod: Pod): string[] {
  const claims: string[] = [];
  for (const volume of pod.spec.volumes ?? []) {
    const claim = volume['persistentVolumeClaim'] as { claimName?: string } | undefined;
    if (claim?.claimName !== undefined) claims.push(claim.claimName);
    if (volume['ephemeral'] !== undefined) claims.push(`${pod.metadata.name}-${volume.name}`);
  }
  return claims;
}

function positive(text: string | undefined, otherwise: number): number {
  const number = Number(text);
  return text !== undefined && Number.isInteger(number) && number > 0 ? number : otherwise;
}

function groupOf({ metadata: { namespace = '', labels = {}, annotations = {} } }: Pod): PodGroupRef | undefined {
  const name = labels[podGroupLabel];
  if (name === undefined || name === '') return undefined;
  return {
    key: `${namespace}/${name}`,
    minMember: positive(annotations[minMemberAnnotation], 1),
    timeoutMs: positive(annotations[groupTimeoutAnnotation], defaultGroupTimeoutMs / 1000) * 1000,
  };
}

/** What plugins of scope `row` may look at. */
function rowKeyOf(pod: Pod, claims: readonly string[]): string {
  const { spec } = pod;
  const needs = ({ image, resources, ports, restartPolicy }: PodSpec['containers'][number]): unknown[] => [
    image,
    resources,
    ports,
    restartPolicy,
  ];
  return JSON.stringify([
    spec.schedulerName,
    spec.priority,
    spec['preemptionPolicy'],
    spec.containers.map(needs),
    spec.initContainers?.map(needs),
    spec['resources'],
    spec.overhead,
    spec.hostNetwork,
    spec.nodeSelector,
    spec.affinity?.nodeAffinity,
    spec.tolerations,
    // Most volumes say nothing about nodes: claims, images and a few old ones that are attached do.
    spec.volumes?.some(needsNode) === true ? spec.volumes : undefined,
    claims.length > 0 ? [pod.metadata.namespace, claims] : undefined,
  ]);
}

const placeless = new Set(['configMap', 'secret', 'emptyDir', 'downwardAPI', 'projected', 'hostPath', 'name']);

function needsNode(volume: object): boolean {
  return Object.keys(volume).some((source) => !placeless.has(source));
}

function sortedEntries(record: Readonly<Record<string, string>> | undefined): [string, string][] {
  return Object.entries(record ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function parse(
  pod: Pod,
  identity: { key: string; rowKey: string; id: number },
  claims: string[],
  more: Extras,
): PodClass {
  const { spec } = pod;
  const node = spec.affinity?.nodeAffinity;
  const { podAffinity, podAntiAffinity } = (spec.affinity ?? {}) as Record<string, PodAffinity | undefined>;
  const constraints = (spec['topologySpreadConstraints'] ?? []) as readonly SpreadSource[];
  return Object.freeze({
    ...identity,
    schedulerName: spec.schedulerName ?? 'default-scheduler',
    namespace: pod.metadata.namespace ?? '',
    labels: pod.metadata.labels ?? {},
    priority: spec.priority ?? 0,
    neverPreempts: spec['preemptionPolicy'] === 'Never',
    request: podRequest(pod),
    scoringRequest: scoringRequest(pod),
    nodeSelector: spec.nodeSelector ?? {},
    requiredNodeTerms: node?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms,
    preferredNodeTerms: node?.preferredDuringSchedulingIgnoredDuringExecution ?? [],
    tolerations: spec.tolerations ?? [],
    hostPorts: hostPortsOf(spec),
    requiredAffinity: requiredTerms(pod, podAffinity),
    requiredAntiAffinity: requiredTerms(pod, podAntiAffinity),
    preferredAffinity: preferredTerms(pod, podAffinity),
    preferredAntiAffinity: preferredTerms(pod, podAntiAffinity),
    spread:
      constraints.length > 0
        ? constraints.map((constraint) => constraintOf(pod, constraint, false))
        : defaultConstraints(pod, more.workloadSelector),
    images: [...spec.containers, ...(spec.initContainers ?? [])].flatMap(({ image }) => image ?? []),
    claims,
    group: more.group,
    spec,
  });
}

interface Extras {
  readonly workloadSelector: LabelSelector | undefined;
  readonly group: PodGroupRef | undefined;
}

export interface PodClassesOptions {
  /** Classes kept; of more the oldest are forgotten, and parsed again when they come back. Default: 20,000. */
  readonly limit?: number;
  /** Which pods belong to the same workload as this one: they are spread by default. Default: of no pod. */
  readonly workloadSelector?: (pod: Pod) => LabelSelector | undefined;
}

/** The classes of all pods that are looked at. */
export class PodClasses {
  readonly #classes = new Map<string, PodClass>();
  readonly #limit: number;
  readonly #workloadSelector: (pod: Pod) => LabelSelector | undefined;
  #nextId = 0;

  constructor({ limit = 20_000, workloadSelector = () => undefined }: PodClassesOptions = {}) {
    this.#limit = limit;
    this.#workloadSelector = workloadSelector;
  }

  infoOf(pod: Pod): PodInfo {
    const { uid = '', namespace = '', name = '' } = pod.metadata;
    return { uid, namespace, name, pod, class: this.classOf(pod) };
  }

  classOf(pod: Pod): PodClass {
    const claims = claimsOf(pod);
    const group = groupOf(pod);
    const workloadSelector = this.#workloadSelector(pod);
    const rowKey = rowKeyOf(pod, claims);
    const { namespace, labels } = pod.metadata;
    const { affinity, topologySpreadConstraints } = pod.spec;
    const between = [affinity?.podAffinity, affinity?.podAntiAffinity, topologySpreadConstraints];
    const key = `${rowKey}${JSON.stringify([namespace, sortedEntries(labels), between, workloadSelector, group])}`;
    const known = this.#classes.get(key);
    if (known !== undefined) return known;
    const made = parse(pod, { key, rowKey, id: this.#nextId++ }, claims, { workloadSelector, group });
    this.#classes.set(key, made);
    for (const oldest of this.#classes.keys()) {
      if (this.#classes.size <= this.#limit) break;
      this.#classes.delete(oldest);
    }
    return made;
  }
}
