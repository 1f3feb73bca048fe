/** What a namespace that is being deleted needs: a pure function from what was observed to the actions to take. */
import { pods, type KubeObject, type Namespace, type ResourceType } from '@timonel/sdk/kube';

/** The finalizer in `spec.finalizers` that this controller answers for. */
export const kubernetesFinalizer = 'kubernetes';

/** Objects of one type that are in the namespace. */
export interface Content {
  readonly type: ResourceType;
  readonly objects: readonly KubeObject[];
}

export interface Observed {
  readonly namespace: Namespace;
  readonly content: readonly Content[];
}

export type Action =
  | {
      readonly do: 'delete';
      readonly type: ResourceType;
      readonly object: KubeObject;
      readonly cause: 'NamespaceTerminating';
    }
  | { readonly do: 'finalize'; readonly finalizers: readonly string[]; readonly cause: 'NamespaceEmpty' };

export interface Plan {
  readonly actions: readonly Action[];
  /** Objects that are still there, those being deleted included. */
  readonly remaining: number;
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
function dueNow({ namespace, content }: Observed): readonly Content[] {
  const { deletionTimestamp = '' } = namespace.metadata;
  const running = content.filter(({ type }) => type.group === pods.group && type.resource === pods.resource);
  const holds = ({ metadata }: KubeObject): boolean => (metadata.creationTimestamp ?? '') <= deletionTimestamp;
  return running.some(({ objects }) => objects.some(holds)) ? running : content;
}

/** Deletes what is not being deleted yet; takes the finalizer away once nothing is left. */
export function plan(observed: Observed): Plan {
  const { namespace, content } = observed;
  if (!isTerminating(namespace)) return { actions: [], remaining: 0 };
  const remaining = content.reduce((total, { objects }) => total + objects.length, 0);
  if (remaining === 0) {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== kubernetesFinalizer);
    return { actions: [{ do: 'finalize', finalizers, cause: 'NamespaceEmpty' }], remaining };
  }
  const actions = dueNow(observed).flatMap(({ type, objects }) =>
    objects
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map((object): Action => ({ do: 'delete', type, object, cause: 'NamespaceTerminating' })),
  );
  return { actions, remaining };
}
