import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { byOwnerUid, informers, keysFrom, runController, type Informer, type KeySource } from '@timonel/sdk/controller';
import { isConflict, isNotFound, objectKey, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import { allTypes, collectedTypes, typeId } from './kinds.ts';
import { Owners } from './owners.ts';
import { plan, type Action, type OwnerState } from './reconcile.ts';

/** A key of the queue: the type and the object. */
function keyOf(type: ResourceType, object: KubeObject): string {
  return `${typeId(type)} ${objectKey(object)}`;
}

const plugin: AnyPlugin = definePlugin({
  name: 'controller-gc',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Deletes objects whose owners are all gone.',
  provides: { controller },
  requires: { api: apiClient },
  swap: 'drain',
  setup(ctx) {
    const { api } = ctx.deps;
    const set = informers(ctx, api);
    const caches = new Map<string, Informer<KubeObject>>(
      allTypes.map((type) => [typeId(type), set.for(type, { indexes: { owner: byOwnerUid } })]),
    );
    const owners = new Owners(api, caches);

    function* ownedObjects(type: ResourceType, object: KubeObject): Iterable<string> {
      if ((object.metadata.ownerReferences ?? []).length > 0) yield keyOf(type, object);
    }

    function* dependentsOf(uid: string): Iterable<string> {
      for (const type of collectedTypes) {
        for (const dependent of caches.get(typeId(type))?.byIndex('owner', uid) ?? []) yield keyOf(type, dependent);
      }
    }

    /** An object that comes or changes is looked at itself; when it goes, those that it owned are. */
    function sourceOf(type: ResourceType, informer: Informer<KubeObject>): KeySource {
      const collected = collectedTypes.includes(type);
      const own = keysFrom(informer, (object) => (collected ? ownedObjects(type, object) : []));
      return {
        connect(add) {
          const undo = [
            own.connect(add),
            informer.addHandler({
              deleted(object) {
                for (const key of dependentsOf(object.metadata.uid ?? '')) add(key);
              },
            }),
          ];
          return () => undo.forEach((each) => each());
        },
        all: () => own.all(),
      };
    }

    async function carryOut(type: ResourceType, object: KubeObject, action: Action): Promise<void> {
      const { namespace, name = '', uid, resourceVersion } = object.metadata;
      if (action.do === 'dropReferences') {
        await api.update(type, { ...object, metadata: { ...object.metadata, ownerReferences: [...action.keep] } });
        return;
      }
      // The version too: somebody may have adopted it meanwhile.
      const preconditions = {
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      };
      await api.delete(type, { namespace, name }, { preconditions, propagationPolicy: 'Background' });
      ctx.log.debug({ resource: type.resource, namespace, object: name }, 'deleted: all owners are gone');
    }

    return runController({
      ctx,
      name: 'gc',
      informers: set,
      workers: 16,
      sources: allTypes.flatMap((type) => {
        const informer = caches.get(typeId(type));
        return informer === undefined ? [] : [sourceOf(type, informer)];
      }),
      async reconcile(key, ownWrites) {
        const [id = '', objectAt = ''] = key.split(' ');
        const type = collectedTypes.find((candidate) => typeId(candidate) === id);
        const informer = caches.get(id);
        const object = informer?.get(objectAt);
        if (type === undefined || informer === undefined || object === undefined) return;
        const states = new Map<string, OwnerState>();
        for (const reference of object.metadata.ownerReferences ?? []) {
          states.set(reference.uid, await owners.state(object, reference));
        }
        const action = plan({ object, owners: states });
        if (action === undefined) return;
        try {
          await carryOut(type, object, action);
          if (action.do === 'delete') ownWrites.deleted(key, informer, object);
        } catch (error) {
          // Gone already. A conflict means that it changed: the back-off looks at it again.
          if (!isNotFound(error) || isConflict(error)) throw error;
        }
      },
    });
  },
});

export default plugin;
