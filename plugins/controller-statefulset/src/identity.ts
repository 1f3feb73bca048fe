/** Who the pods of a stateful set are: names, labels, host names, volumes. */
import { podFromTemplate } from '@timonel/sdk/controller';
import {
  statefulSets,
  type PersistentVolumeClaim,
  type Pod,
  type PodTemplateSpec,
  type StatefulSet,
  type Volume,
} from '@timonel/sdk/kube';

export const podNameLabel = 'statefulset.kubernetes.io/pod-name';
export const podIndexLabel = 'apps.kubernetes.io/pod-index';
export const revisionLabel = 'controller-revision-hash';

export interface OrdinalName {
  /** The name of the set. */
  readonly parent: string;
  readonly ordinal: number;
}

/** `web-3` is 3 of `web`. Undefined: no pod of a stateful set has such a name. */
export function ordinalName(name: string | undefined): OrdinalName | undefined {
  // The first ordinal may be as large as 2,147,483,647.
  const match = /^(.+)-(0|[1-9]\d{0,9})$/.exec(name ?? '');
  return match === null ? undefined : { parent: match[1] ?? '', ordinal: Number(match[2]) };
}

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata.name}-${ordinal}`;
}

export function startOrdinal(set: StatefulSet): number {
  return set.spec.ordinals?.start ?? 0;
}

/** One pass looks at no more places without a pod: a number of replicas beyond all measure is reached step by step. */
const emptyPlacesLimit = 500;

/** The ordinals to look at, rising: all that have pods, and the first of those that have none. */
export function ordinalsOf(set: StatefulSet, pods: readonly Pod[]): number[] {
  const start = startOrdinal(set);
  const end = start + (set.spec.replicas ?? 1);
  const taken = new Set<number>();
  for (const { metadata } of pods) {
    const { parent, ordinal = -1 } = ordinalName(metadata.name) ?? {};
    if (parent === set.metadata.name && ordinal >= start && ordinal < end) taken.add(ordinal);
  }
  const ordinals: number[] = [];
  let empty = 0;
  for (let ordinal = start; ordinal < end && empty < emptyPlacesLimit; ordinal += 1) {
    if (!taken.delete(ordinal)) empty += 1;
    ordinals.push(ordinal);
  }
  return [...ordinals, ...[...taken].sort((a, b) => a - b)];
}

/** Name of a revision: that of its ControllerRevision. */
export function revisionOfPod(pod: Pod): string | undefined {
  return pod.metadata.labels?.[revisionLabel];
}

/** The claim templates by their names. The API takes some without metadata: their claims are refused, with an event. */
export function claimTemplates(set: StatefulSet): ReadonlyMap<string, PersistentVolumeClaim> {
  const templates: readonly Partial<PersistentVolumeClaim>[] = set.spec.volumeClaimTemplates ?? [];
  return new Map(
    templates.map(({ metadata = {}, ...template }) => [metadata.name ?? '', { ...template, metadata }] as const),
  );
}

export function claimName(template: string, set: StatefulSet, ordinal: number): string {
  return `${template}-${podName(set, ordinal)}`;
}

/** By the names of their templates, which are names of volumes. */
export function claimNames(set: StatefulSet, ordinal: number): ReadonlyMap<string, string> {
  const names = [...claimTemplates(set).keys()];
  return new Map(names.map((template) => [template, claimName(template, set, ordinal)]));
}

export function identityLabels(set: StatefulSet, ordinal: number): Readonly<Record<string, string>> {
  return { [podNameLabel]: podName(set, ordinal), [podIndexLabel]: String(ordinal) };
}

/** The volumes of the template, with the claims of the pod in place of those of their names. */
function volumesOf(set: StatefulSet, ordinal: number, given: readonly Volume[]): Volume[] {
  const claims = claimNames(set, ordinal);
  const claimed = [...claims].map(([name, claim]) => ({ name, persistentVolumeClaim: { claimName: claim } }));
  return [...claimed, ...given.filter(({ name }) => !claims.has(name))];
}

export function newPod(set: StatefulSet, ordinal: number, template: PodTemplateSpec, revision: string): Pod {
  const name = podName(set, ordinal);
  const pod = podFromTemplate(template, set, statefulSets, { name });
  const volumes = volumesOf(set, ordinal, pod.spec.volumes ?? []);
  const { serviceName = '' } = set.spec;
  return {
    metadata: {
      ...pod.metadata,
      labels: { ...pod.metadata.labels, ...identityLabels(set, ordinal), [revisionLabel]: revision },
    },
    spec: {
      ...pod.spec,
      hostname: name,
      ...(serviceName === '' ? {} : { subdomain: serviceName }),
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  };
}

/** The pod with the labels of its place, or undefined when it has them. */
export function withIdentity(set: StatefulSet, ordinal: number, pod: Pod): Pod | undefined {
  const labels = pod.metadata.labels ?? {};
  const wanted = identityLabels(set, ordinal);
  if (Object.entries(wanted).every(([key, value]) => labels[key] === value)) return undefined;
  return { ...pod, metadata: { ...pod.metadata, labels: { ...labels, ...wanted } } };
}
