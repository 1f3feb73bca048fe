import type { AnyPlugin } from '@timonel/sdk';
import {
  byControllerUid,
  byNamespace,
  defineController,
  FailedPods,
  keysFrom,
  ownersOf,
  type Informer,
} from '@timonel/sdk/controller';
import { wantedRevisionName } from '@timonel/sdk/controller/revisions';
import {
  controllerOf,
  controllerRevisions,
  fromLabelSelector,
  matchesSelector,
  objectKey,
  persistentVolumeClaims,
  pods,
  statefulSets,
  type ControllerRevision,
  type PersistentVolumeClaim,
  type Pod,
  type StatefulSet,
} from '@timonel/sdk/kube';
import { hasEnded, type Observed } from './assess.ts';
import { explain } from './explain.ts';
import { claimNames, claimTemplates, ordinalName, ordinalsOf } from './identity.ts';
import { reconcile } from './reconcile.ts';
import { planStatus } from './status.ts';

interface Inputs {
  readonly sets: Informer<StatefulSet>;
  readonly pods: Informer<Pod>;
  readonly revisions: Informer<ControllerRevision>;
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly failed: FailedPods;
}

/** Node pressure and ports in use pass: nobody should wait for long then. */
const failedLimitMs = 10_000;

/** `namespace/set` by the name of the pod alone. */
function setKeyOf({ metadata: { name, namespace } }: Pod): string | undefined {
  const parent = ordinalName(name)?.parent;
  return parent === undefined ? undefined : `${namespace ?? ''}/${parent}`;
}

function keysOfPod(pod: Pod): string[] {
  const owner = controllerOf(pod);
  const owned = owner?.kind === 'StatefulSet' ? [`${pod.metadata.namespace ?? ''}/${owner.name}`] : [];
  // A pod of another may have the name of one of the set's.
  return [...owned, ...[setKeyOf(pod) ?? []].flat()];
}

const selects = ({ spec }: StatefulSet, labels: Readonly<Record<string, string>>): boolean =>
  matchesSelector(fromLabelSelector(spec.selector), labels);

/** `data-web-3` is of set `web` when that has a claim template `data`. */
function keysOfClaim({ metadata }: PersistentVolumeClaim, sets: Informer<StatefulSet>): string[] {
  const name = ordinalName(metadata.name)?.parent;
  if (name === undefined) return [];
  return sets
    .byIndex('namespace', metadata.namespace ?? '')
    .filter((set) => [...claimTemplates(set).keys()].some((template) => `${template}-${set.metadata.name}` === name))
    .map(objectKey);
}

function claimsOf(
  set: StatefulSet,
  podsOfSet: readonly Pod[],
  claims: Informer<PersistentVolumeClaim>,
): Observed['claims'] {
  const found = new Map<string, PersistentVolumeClaim>();
  if ((set.spec.volumeClaimTemplates ?? []).length === 0) return found;
  const ordinals = new Set(ordinalsOf(set, podsOfSet));
  for (const pod of podsOfSet) ordinals.add(ordinalName(pod.metadata.name)?.ordinal ?? 0);
  for (const ordinal of ordinals) {
    for (const name of claimNames(set, ordinal).values()) {
      const claim = claims.get(`${set.metadata.namespace}/${name}`);
      if (claim !== undefined) found.set(name, claim);
    }
  }
  return found;
}

const plugin: AnyPlugin = defineController({
  name: 'controller-statefulset',
  version: '0.1.0',
  description: 'Keeps the pods of each StatefulSet: one for each ordinal, with its name and its claims, in order.',
  component: 'statefulset-controller',
  subject: statefulSets,
  inputs: ({ informers }): Inputs => ({
    sets: informers.for(statefulSets, { indexes: { namespace: byNamespace } }),
    pods: informers.for(pods, { indexes: { controller: byControllerUid, set: setKeyOf } }),
    revisions: informers.for(controllerRevisions, { indexes: { namespace: byNamespace } }),
    claims: informers.for(persistentVolumeClaims),
    failed: new FailedPods(failedLimitMs),
  }),
  sources: ({ sets, pods, revisions, claims }) => [
    keysFrom(sets, (set) => [objectKey(set)]),
    keysFrom(pods, keysOfPod),
    keysFrom(revisions, ownersOf(statefulSets, sets, selects)),
    keysFrom(claims, (claim) => keysOfClaim(claim, sets)),
  ],
  observe(key, inputs, now): Observed | undefined {
    const set = inputs.sets.get(key);
    if (set === undefined) return undefined;
    const { uid = '', namespace = '' } = set.metadata;
    const found = [...new Set([...inputs.pods.byIndex('controller', uid), ...inputs.pods.byIndex('set', key)])];
    const ended = found.filter((pod) => hasEnded(pod) && controllerOf(pod)?.uid === uid);
    const dueMs = ({ metadata }: Pod): number =>
      inputs.failed.dueMs(`${uid}/${metadata.name}`, metadata.uid ?? '', now.nowMs);
    const revisions = inputs.revisions.byIndex('namespace', namespace).filter((revision) => {
      const owner = controllerOf(revision);
      return owner === undefined || owner.uid === uid;
    });
    return {
      ...now,
      subject: set,
      pods: found,
      revisions: { revisions, atName: inputs.revisions.get(`${namespace}/${wantedRevisionName(set)}`) },
      claims: claimsOf(set, found, inputs.claims),
      failedDueMs: new Map(ended.map((pod) => [pod.metadata.uid ?? '', dueMs(pod)])),
    };
  },
  reconcile,
  status: planStatus,
  explain,
});

export default plugin;
