/** What a ReplicaSet and a ReplicationController have in common: a number of pods of one template. */
import {
  matchesSelector,
  type Condition,
  type KubeObject,
  type Pod,
  type PodTemplateSpec,
  type ResourceType,
  type Selector,
} from '../../kube/index.ts';
import { planClaims, type Claims } from '../ownership.ts';
import { isPodActive, isPodTerminating } from '../pod-state.ts';
import type { Observation } from '../reconciler/index.ts';

export interface ReplicasStatus {
  replicas: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  terminatingReplicas?: number;
  observedGeneration?: number;
  conditions?: Condition[];
}

export interface Replicated extends KubeObject {
  spec: { replicas?: number; minReadySeconds?: number; template?: PodTemplateSpec };
  status?: ReplicasStatus;
}

/** In what the kinds differ. */
export interface ReplicasKind<T extends Replicated> {
  readonly type: ResourceType<T>;
  readonly selectorOf: (subject: T) => Selector;
  /** Whether the status counts pods that are being deleted. */
  readonly countsTerminating: boolean;
}

export interface ObservedReplicas<T extends Replicated> extends Observation<T> {
  readonly subject: T;
  /** Its active pods, and active orphans that it selects. */
  readonly claims: Claims<Pod>;
  /** How many of its pods are being deleted. */
  readonly terminating: number;
  /** Its pods and those of all that share its controller, for example of the other revisions of a Deployment. Looked at when pods must go. */
  readonly related: readonly Pod[];
}

/** What the caches show for one object. */
export interface ReplicasView {
  /** The pods that it controls. */
  readonly own: readonly Pod[];
  /** The pods of its namespace that nobody controls. */
  readonly orphans: readonly Pod[];
  /** Asked for when pods must go. */
  readonly related: () => readonly Pod[];
}

export function wantedReplicas(subject: Replicated): number {
  return subject.spec.replicas ?? 1;
}

/** Otherwise its own pods would not be its own, and it would make new ones for ever. The API server refuses such objects. */
export function selectsItsTemplate<T extends Replicated>(kind: ReplicasKind<T>, subject: T): boolean {
  return matchesSelector(kind.selectorOf(subject), subject.spec.template?.metadata?.labels);
}

export function observeReplicas<T extends Replicated>(
  kind: ReplicasKind<T>,
  subject: T,
  { own, orphans, related }: ReplicasView,
  now: { readonly nowMs: number; readonly timestamp: string },
): ObservedReplicas<T> {
  const selector = kind.selectorOf(subject);
  // A pod that has ended is nothing to adopt or to release.
  const claims = planClaims(subject, selector, [...own, ...orphans].filter(isPodActive));
  const count = claims.owned.length + claims.adopt.length;
  return {
    ...now,
    subject,
    claims,
    terminating: planClaims(subject, selector, own.filter(isPodTerminating)).owned.length,
    related: count > wantedReplicas(subject) ? related() : [],
  };
}
