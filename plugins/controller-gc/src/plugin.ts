import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { byOwnerUid, informers, keysFrom, runController, type Informer, type KeySource } from '@timonel/sdk/controller';
import { isConflict, isNotFound, objectKey, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { execute } from './execute.ts';
import { allTypes, collectedTypes, typeId, typeOfReference } from './kinds.ts';
import { Owners } from './owners.ts';
import { isBeingCollected, isLeaving, plan, type OwnerState } from './reconcile.ts';

/** A key of the queue: the type and the object. */
function keyOf(type: ResourceType, object: KubeObject): string {
  return `${typeId(type)} ${objectKey(object)}`;
}

const plugin: AnyPlugin = definePlugin({
  name: 'controller-gc',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Deletes objects whose owners are all gone; orphans or awaits the dependents of deleted objects.',
  provides: { controller },
  requires: { api: apiClient },
  optional: { leadership },
  swap: 'drain',
  setup(ctx) {
    const { api } = ctx.deps;
    const set = informers(ctx, api);
    const caches = new Map<string, Informer<KubeObject>>(
      allTypes.map((type) => [typeId(type), set.for(type, { indexes: { owner: byOwnerUid } })]),
    );
    const owners = new Owners(api, caches);

    /** Whether it has owners, or finalizers that are the collector's. */
    const concerns = (object: KubeObject): boolean =>
      (object.metadata.ownerReferences ?? []).length > 0 || isBeingCollected(object);

    function* dependentsOf(uid: string | undefined): Iterable<[ResourceType, KubeObject]> {
      if (uid === undefined) return;
      for (const type of collectedTypes) {
        for (const dependent of caches.get(typeId(type))?.byIndex('owner', uid) ?? []) yield [type, dependent];
      }
    }

    /** Owners that wait for this object to go. */
    function* waitingOwners({ metadata }: KubeObject): Iterable<string> {
      for (const reference of metadata.ownerReferences ?? []) {
        const type = typeOfReference(reference);
        if (type === undefined) continue;
        const key = type.namespaced ? `${metadata.namespace}/${reference.name}` : reference.name;
        const owner = caches.get(typeId(type))?.get(key);
        if (owner !== undefined && isLeaving(owner)) yield keyOf(type, owner);
      }
    }

    /** An object that comes or changes is looked at itself; when it goes or begins to leave, what it owns; and who waits for it. */
    function sourceOf(type: ResourceType, informer: Informer<KubeObject>): KeySource {
      const own = keysFrom(informer, (object) => (concerns(object) ? [keyOf(type, object)] : []));
      return {
        connect(add) {
          const addDependents = ({ metadata }: KubeObject): void => {
            for (const [dependentType, dependent] of dependentsOf(metadata.uid)) add(keyOf(dependentType, dependent));
          };
          const addOwners = (object: KubeObject): void => {
            for (const key of waitingOwners(object)) add(key);
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

    return runController({
      ctx,
      name: 'gc',
      informers: set,
      leadership: ctx.deps.leadership,
      workers: 16,
      sources: allTypes.flatMap((type) => {
        const informer = caches.get(typeId(type));
        return informer === undefined ? [] : [sourceOf(type, informer)];
      }),
      async reconcile(key, ownWrites) {
        const [id = '', objectAt = ''] = key.split(' ');
        const type = allTypes.find((candidate) => typeId(candidate) === id);
        const informer = caches.get(id);
        const object = informer?.get(objectAt);
        if (type === undefined || informer === undefined || object === undefined) return;
        const states = new Map<string, OwnerState>();
        for (const reference of object.metadata.ownerReferences ?? []) {
          states.set(reference.uid, await owners.state(object, reference));
        }
        const dependents = [...dependentsOf(object.metadata.uid)].map(([, dependent]) => dependent);
        const action = plan({ object, owners: states, dependents });
        if (action === undefined || (action.do === 'delete' && !collectedTypes.includes(type))) return;
        try {
          const written = await execute(api, type, object, action);
          if (written !== undefined) ownWrites.wrote(key, informer, written);
          if (action.do === 'delete') ownWrites.deleted(key, informer, object);
          const { namespace, name } = object.metadata;
          ctx.log.debug({ resource: type.resource, namespace, object: name, ...action }, 'collected');
        } catch (error) {
          // Gone already. A conflict means that it changed: the back-off looks at it again.
          if (!isNotFound(error) || isConflict(error)) throw error;
        }
      },
    });
  },
});

export default plugin;
