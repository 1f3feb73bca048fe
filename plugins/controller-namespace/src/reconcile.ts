/** What a namespace that is being deleted needs. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, type Action, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import { namespaces, pods, type KubeObject, type Namespace, type ResourceType } from '@timonel/sdk/kube';

/** The finalizer in `spec.finalizers` that this controller answers for. */
export const kubernetesFinalizer = 'kubernetes';
/** Objects that die gracefully are looked for again so often. */
const recheckMs = 500;
const namesShown = 3;

/** Objects of one type that are in the namespace. */
export interface Content {
  readonly type: ResourceType;
  readonly objects: readonly KubeObject[];
}

export interface Observed extends Observation<Namespace> {
  /** Looked at only while the namespace is being deleted. */
  readonly content: readonly Content[];
}

export function isTerminating(namespace: Namespace): boolean {
  return (
    namespace.metadata.deletionTimestamp !== undefined &&
    namespace.spec?.finalizers?.includes(kubernetesFinalizer) === true
  );
}

/**
 * Pods first: as long as they run, what they work with is there, policies and credentials above all. Pods that were made since hold
 * nothing up: their owners would go on making them.
 */
function dueNow(namespace: Namespace, content: readonly Content[]): readonly Content[] {
  const { deletionTimestamp = '' } = namespace.metadata;
  const running = content.filter(({ type }) => type.group === pods.group && type.resource === pods.resource);
  const holds = ({ metadata }: KubeObject): boolean => (metadata.creationTimestamp ?? '') <= deletionTimestamp;
  return running.some(({ objects }) => objects.some(holds)) ? running : content;
}

function deletions({ type, objects }: Content): readonly Action[] {
  const cause = { code: 'NamespaceTerminating', text: 'their namespace is being deleted' };
  const options = { propagationPolicy: 'Background' } as const;
  return objects
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((object) => act.delete(type, object, { options, cause, independent: true }));
}

function letGo(namespace: Namespace): Action {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== kubernetesFinalizer);
  const body: Namespace = { ...namespace, spec: { ...namespace.spec, finalizers } };
  const cause = { code: 'NamespaceEmpty', text: 'nothing is left in it' };
  return act.post(namespaces, namespace, 'finalize', body, { cause });
}

/** Deletes what is not being deleted yet; takes the finalizer away once nothing is left. */
export function reconcile({ subject, content }: Observed): Reconciliation {
  if (subject === undefined || !isTerminating(subject)) return { actions: [] };
  if (content.length === 0) return { actions: [letGo(subject)] };
  const actions = dueNow(subject, content).flatMap(deletions);
  return { actions, requeueAfterMs: actions.length === 0 ? recheckMs : 1 };
}

function finalizersOf(objects: readonly KubeObject[]): string {
  const all = [...new Set(objects.flatMap(({ metadata }) => metadata.finalizers ?? []))].toSorted();
  return all.length === 0 ? '' : `; with finalizers that others have to take away: ${all.join(', ')}`;
}

/** What is left in it, and what keeps that. */
export function explain({ subject, content }: Observed): readonly Cause[] {
  if (subject === undefined || !isTerminating(subject)) return [];
  return dueNow(subject, content).map(({ type, objects }): Cause => {
    const names = objects.slice(0, namesShown).map(({ metadata }) => metadata.name);
    const more = objects.length > namesShown ? ', …' : '';
    const text = `${objects.length} ${type.resource} left in it (${names.join(', ')}${more})${finalizersOf(objects)}`;
    return { component: 'controller-namespace', code: 'ContentRemaining', text };
  });
}
