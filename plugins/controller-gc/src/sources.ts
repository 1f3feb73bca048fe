/** Which objects are to be looked at when one comes, changes or goes. */
import { keysFrom, subjectKey, type Informer, type KeySource } from '@timonel/sdk/controller';
import type { KubeObject, ResourceType } from '@timonel/sdk/kube';
import { cachedDependents } from './dependents.ts';
import type { Caches } from './caches.ts';
import { isBeingCollected, isLeaving } from './reconcile.ts';

/** Whether it has owners, or finalizers that are the collector's. */
function concerns(object: KubeObject): boolean {
  return (object.metadata.ownerReferences ?? []).length > 0 || isBeingCollected(object);
}

/** Owners that wait for this object to go. */
function* waitingOwners(caches: Caches, { metadata }: KubeObject): Iterable<string> {
  for (const reference of metadata.ownerReferences ?? []) {
    const type = caches.typeOfReference(reference);
    if (type === undefined) continue;
    const key = type.namespaced ? `${metadata.namespace}/${reference.name}` : reference.name;
    const owner = caches.get(type)?.get(key);
    if (owner !== undefined && isLeaving(owner)) yield subjectKey(type, owner);
  }
}

/** An object that comes or changes is looked at itself; when it goes or begins to leave, what it owns; and who waits for it. */
export function sourceOf(type: ResourceType, caches: Caches): KeySource {
  const informer = caches.get(type) as Informer<KubeObject>;
  const own = keysFrom(informer, (object) => (concerns(object) ? [subjectKey(type, object)] : []));
  return {
    connect(add) {
      const addDependents = ({ metadata }: KubeObject): void => {
        for (const dependent of cachedDependents(caches, metadata.uid))
          add(subjectKey(dependent.type, dependent.object));
      };
      const addOwners = (object: KubeObject): void => {
        for (const key of waitingOwners(caches, object)) add(key);
      };
      const undo = [
        own.connect(add),
        informer.addHandler({
          updated(object, old) {
            if (isLeaving(object) && !isLeaving(old)) addDependents(object);
            if (object.metadata.ownerReferences !== old.metadata.ownerReferences) addOwners(old);
          },
          deleted(object) {
            addDependents(object);
            addOwners(object);
          },
        }),
      ];
      return () => undo.forEach((each) => each());
    },
    all: () => own.all(),
  };
}
