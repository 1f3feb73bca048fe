/** The replica sets of a deployment as its revisions: which one is new, annotations, what a new one looks like. */
import { jsonEqual } from '@timonel/sdk/controller';
import {
  controllerReference,
  deployments,
  fromLabelSelector,
  matchesSelector,
  type Deployment,
  type PodTemplateSpec,
  type ReplicaSet,
} from '@timonel/sdk/kube';
import { boundsOf } from './bounds.ts';
import { templateHash } from './template-hash.ts';

export const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';
export const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
export const maxAnnotation = 'deployment.kubernetes.io/max-replicas';
/** RFC 1123 subdomain. */
const nameLimit = 253;
/** Characters of the history of one replica set. */
const historyLimit = 2000;
const notCopied: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  revisionAnnotation,
  historyAnnotation,
  desiredAnnotation,
  maxAnnotation,
]);

export type Annotations = Readonly<Record<string, string>>;

export function specReplicas(set: ReplicaSet): number {
  return set.spec.replicas ?? 1;
}

/** 0: none, or none that makes sense. */
export function revisionOf(object: { readonly metadata: { readonly annotations?: Record<string, string> } }): number {
  const text = object.metadata.annotations?.[revisionAnnotation] ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : 0;
}

/** By age, the oldest first; equal ages by name. */
export function oldestFirst(sets: readonly ReplicaSet[]): ReplicaSet[] {
  const rank = ({ metadata }: ReplicaSet): string => `${metadata.creationTimestamp ?? ''} ${metadata.name ?? ''}`;
  return [...sets].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
}

/** Maps that say nothing when they are empty. Other empty objects may: `namespaceSelector: {}` selects all namespaces. */
const maps: ReadonlySet<string> = new Set(['annotations', 'labels', 'nodeSelector', 'limits', 'requests', 'resources']);

function saysNothing(key: string, value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (typeof value !== 'object') return false;
  return (Array.isArray(value) || maps.has(key)) && Object.keys(value).length === 0;
}

/** Without fields that are as good as absent: writing them out is no new template. */
function withoutEmpty(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutEmpty);
  const fields = Object.entries(value).map(([key, field]) => [key, withoutEmpty(field)] as const);
  return Object.fromEntries(fields.filter(([key, field]) => !saysNothing(key, field)));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  if (template === undefined) return {};
  const { [hashLabel]: _, ...labels } = template.metadata?.labels ?? {};
  return withoutEmpty({ ...template, metadata: { ...template.metadata, labels } });
}

export function hasTemplateOf(set: ReplicaSet, deployment: Deployment): boolean {
  return jsonEqual(withoutHash(set.spec.template), withoutHash(deployment.spec.template));
}

/** The replica set with the deployment's template: of several, the oldest. */
export function findNewSet(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return oldestFirst(sets).find((set) => hasTemplateOf(set, deployment));
}

function copiedAnnotations(deployment: Deployment): Annotations {
  const entries = Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !notCopied.has(key));
  return Object.fromEntries(entries);
}

/** What proportional scaling must know later. */
export function sizeAnnotations(deployment: Deployment): Annotations {
  const { replicas, maxSurge } = boundsOf(deployment);
  return { [desiredAnnotation]: String(replicas), [maxAnnotation]: String(replicas + maxSurge) };
}

export function nextRevision(oldSets: readonly ReplicaSet[]): number {
  return Math.max(0, ...oldSets.map(revisionOf)) + 1;
}

/** The revisions that the set had before, the oldest ones forgotten when there are too many. */
function withRevision(history: string, revision: string): string {
  const revisions = [...history.split(',').filter((one) => one !== ''), revision];
  while (revisions.join(',').length > historyLimit) revisions.shift();
  return revisions.join(',');
}

/** The annotations that the new replica set should get beside its own: empty when it has them. */
export function newSetAnnotations(
  deployment: Deployment,
  newSet: ReplicaSet,
  oldSets: readonly ReplicaSet[],
): Annotations {
  const has = newSet.metadata.annotations ?? {};
  const wanted: Record<string, string> = { ...copiedAnnotations(deployment) };
  const revision = nextRevision(oldSets);
  const before = revisionOf(newSet);
  if (before < revision) {
    wanted[revisionAnnotation] = String(revision);
    if (before > 0) wanted[historyAnnotation] = withRevision(has[historyAnnotation] ?? '', String(before));
  }
  return Object.fromEntries(Object.entries(wanted).filter(([key, value]) => has[key] !== value));
}

/** Cut, when the deployment's name leaves no room for the hash. */
function setName(deploymentName: string, hash: string): string {
  const room = nameLimit - hash.length - 1;
  return `${deploymentName.slice(0, room).replace(/[-.]+$/, '')}-${hash}`;
}

/** False: the selector asks for a hash of its own, which no replica set made for it can have. */
export function selectsItsSets(deployment: Deployment): boolean {
  const { labels } = makeNewSet(deployment, [], 0).metadata;
  return matchesSelector(fromLabelSelector(deployment.spec.selector), labels);
}

/** The replica set for the deployment's present template. */
export function makeNewSet(deployment: Deployment, oldSets: readonly ReplicaSet[], replicas: number): ReplicaSet {
  const { spec, metadata, status } = deployment;
  const hash = templateHash(spec.template, status?.collisionCount ?? 0);
  const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
  return {
    metadata: {
      name: setName(metadata.name ?? '', hash),
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      labels,
      annotations: {
        ...copiedAnnotations(deployment),
        ...sizeAnnotations(deployment),
        [revisionAnnotation]: String(nextRevision(oldSets)),
      },
      ownerReferences: [controllerReference(deployment, deployments)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds === undefined ? {} : { minReadySeconds: spec.minReadySeconds }),
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
    },
  };
}
