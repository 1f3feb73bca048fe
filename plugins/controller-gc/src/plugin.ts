import type { AnyPlugin } from '@timonel/sdk';
import { byOwnerUid, defineController, subjectOfKey, type Informer } from '@timonel/sdk/controller';
import type { KubeObject } from '@timonel/sdk/kube';
import { needsLive, planOf, reconcile, type Observed } from './actions.ts';
import { cachedDependents, liveDependents } from './dependents.ts';
import { explain } from './explain.ts';
import { allTypes, typeId } from './kinds.ts';
import { Owners } from './owners.ts';
import type { OwnerState } from './reconcile.ts';
import { sourceOf } from './sources.ts';

interface Inputs {
  readonly caches: ReadonlyMap<string, Informer<KubeObject>>;
  readonly owners: Owners;
}

const plugin: AnyPlugin = defineController({
  name: 'controller-gc',
  version: '0.1.0',
  description: 'Deletes objects whose owners are all gone; orphans or awaits the dependents of deleted objects.',
  component: 'garbage-collector-controller',
  subject: allTypes,
  workers: 16,
  inputs({ informers, api }): Inputs {
    const caches = new Map<string, Informer<KubeObject>>(
      allTypes.map((type) => [typeId(type), informers.for(type, { indexes: { owner: byOwnerUid } })]),
    );
    return { caches, owners: new Owners(api, caches) };
  },
  sources: ({ caches }) => allTypes.map((type) => sourceOf(type, caches)),
  async observe(key, { caches, owners }, now, { api }) {
    const { type, objectKey } = subjectOfKey(allTypes, key) ?? {};
    const subject = type === undefined ? undefined : caches.get(typeId(type))?.get(objectKey ?? '');
    if (type === undefined || subject === undefined) return undefined;
    const states = new Map<string, OwnerState>();
    for (const reference of subject.metadata.ownerReferences ?? []) {
      states.set(reference.uid, await owners.state(subject, reference));
    }
    const dependents = [...cachedDependents(caches, subject.metadata.uid)];
    const observed: Observed = { ...now, type, subject, owners: states, dependents, live: [] };
    return needsLive(planOf(observed)) ? { ...observed, live: await liveDependents(api, subject) } : observed;
  },
  // Every write is fenced by the version that was looked at, and most are about objects that are being deleted.
  confirm: false,
  reconcile,
  explain,
});

export default plugin;
