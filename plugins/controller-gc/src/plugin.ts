import type { AnyPlugin } from '@timonel/sdk';
import { byOwnerUid, defineController } from '@timonel/sdk/controller';
import { customResourceDefinitions } from '@timonel/sdk/kube';
import { needsLive, planOf, reconcile, type Observed } from './actions.ts';
import { Caches } from './caches.ts';
import { CustomCaches } from './custom-caches.ts';
import { cachedDependents, liveDependents } from './dependents.ts';
import { explain } from './explain.ts';
import { allTypes } from './kinds.ts';
import { Owners } from './owners.ts';
import type { OwnerState } from './reconcile.ts';
import { sourceOf } from './sources.ts';

interface Inputs {
  readonly caches: Caches;
  readonly custom: CustomCaches;
  readonly owners: Owners;
}

const plugin: AnyPlugin = defineController({
  name: 'controller-gc',
  version: '0.1.0',
  description: 'Deletes objects whose owners are all gone; orphans or awaits the dependents of deleted objects.',
  component: 'garbage-collector-controller',
  subject: allTypes,
  workers: 16,
  inputs({ informers, api, host }): Inputs {
    const caches = new Caches();
    for (const type of allTypes) caches.add(type, informers.for(type, { indexes: { owner: byOwnerUid } }));
    const definitions = informers.for(customResourceDefinitions);
    return { caches, custom: new CustomCaches({ host, api, caches, definitions }), owners: new Owners(api, caches) };
  },
  sources: ({ caches, custom }) => [...allTypes.map((type) => sourceOf(type, caches)), custom],
  furtherType: (key, { caches }) => caches.subjectOf(key)?.type,
  async observe(key, { caches, owners }, now, { api }) {
    const { type, object: subject } = caches.subjectOf(key) ?? {};
    if (type === undefined || subject === undefined) return undefined;
    const states = new Map<string, OwnerState>();
    for (const reference of subject.metadata.ownerReferences ?? []) {
      states.set(reference.uid, await owners.state(subject, reference));
    }
    const dependents = [...cachedDependents(caches, subject.metadata.uid)];
    const observed: Observed = { ...now, type, subject, owners: states, dependents, live: [] };
    return needsLive(planOf(observed)) ? { ...observed, live: await liveDependents(api, caches, subject) } : observed;
  },
  // Every write is fenced by the version that was looked at, and most are about objects that are being deleted.
  confirm: false,
  reconcile,
  explain,
});

export default plugin;
