/** The claims of the pods: what they look like, and whose deletion takes them along. */
import { act, type Action } from '@timonel/sdk/controller';
import {
  controllerOf,
  controllerReference,
  persistentVolumeClaims,
  pods,
  statefulSets,
  type OwnerReference,
  type PersistentVolumeClaim,
  type Pod,
  type StatefulSet,
} from '@timonel/sdk/kube';
import { claimName, claimNames, claimTemplates, podName } from './identity.ts';

export type Claims = ReadonlyMap<string, PersistentVolumeClaim>;

/** Who owns the claim of a pod by the retention policy: its pod when the pod is to go for good, else the set, or nobody. */
function ownersOf(set: StatefulSet, pod: Pod | undefined, condemned: boolean): OwnerReference[] {
  const { whenDeleted, whenScaled } = set.spec.persistentVolumeClaimRetentionPolicy ?? {};
  if (whenScaled === 'Delete' && condemned && pod !== undefined) return [controllerReference(pod, pods)];
  return whenDeleted === 'Delete' && !(whenScaled === 'Delete' && condemned)
    ? [controllerReference(set, statefulSets)]
    : [];
}

const isPodOf = (reference: OwnerReference, name: string): boolean =>
  reference.kind === 'Pod' && reference.apiVersion === 'v1' && reference.name === name;

function newClaim(set: StatefulSet, template: PersistentVolumeClaim, name: string): PersistentVolumeClaim {
  const { labels, annotations, finalizers } = template.metadata;
  const ownerReferences = ownersOf(set, undefined, false);
  return {
    metadata: {
      name,
      ...(set.metadata.namespace === undefined ? {} : { namespace: set.metadata.namespace }),
      labels: { ...labels, ...set.spec.selector.matchLabels },
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ...(finalizers === undefined ? {} : { finalizers: [...finalizers] }),
      ...(ownerReferences.length === 0 ? {} : { ownerReferences }),
    },
    ...(template.spec === undefined ? {} : { spec: template.spec }),
  };
}

/** The claim of an earlier pod of that name, or one that is being deleted: the pod waits until it is gone. */
export function leavingClaim(
  set: StatefulSet,
  ordinal: number,
  pod: Pod | undefined,
  claims: Claims,
): PersistentVolumeClaim | undefined {
  const name = podName(set, ordinal);
  for (const claimName of claimNames(set, ordinal).values()) {
    const claim = claims.get(claimName);
    if (claim === undefined) continue;
    const stale = claim.metadata.ownerReferences?.some(
      (reference) => isPodOf(reference, name) && reference.uid !== pod?.metadata.uid,
    );
    if (stale === true || claim.metadata.deletionTimestamp !== undefined) return claim;
  }
  return undefined;
}

export function createClaims(set: StatefulSet, ordinal: number, claims: Claims): Action[] {
  const pod = podName(set, ordinal);
  return [...claimTemplates(set)].flatMap(([templateName, template]) => {
    const name = claimName(templateName, set, ordinal);
    if (claims.has(name)) return [];
    const where = `in StatefulSet ${set.metadata.name}`;
    return act.create(persistentVolumeClaims, newClaim(set, template, name), {
      cause: { code: 'ClaimMissing', text: `${pod} has no claim ${name}` },
      ifExists: 'report',
      event: {
        reason: 'SuccessfulCreate',
        message: `create Claim ${name} Pod ${pod} ${where} success`,
        failure: { reason: 'FailedCreate', message: `create Claim ${name} for Pod ${pod} ${where} failed error: ` },
      },
    });
  });
}

/** Gives the claims of a pod the owners that the retention policy wants. A claim that another controller has is left alone. */
export function retainClaims(
  set: StatefulSet,
  ordinal: number,
  pod: Pod,
  claims: Claims,
  condemned: boolean,
): Action[] {
  const name = podName(set, ordinal);
  const wanted = ownersOf(set, pod, condemned);
  const isOurs = (reference: OwnerReference): boolean => reference.uid === set.metadata.uid || isPodOf(reference, name);
  return [...claimNames(set, ordinal).values()].flatMap((claimName) => {
    const claim = claims.get(claimName);
    if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return [];
    const { ownerReferences: given = [], ...metadata } = claim.metadata;
    const controller = controllerOf(claim);
    if (controller !== undefined && !isOurs(controller)) return [];
    const ours = given.filter(isOurs);
    const same = ours.length === wanted.length && ours.every(({ uid, controller: is }) => is && uid === wanted[0]?.uid);
    if (same) return [];
    const ownerReferences = [...given.filter((reference) => !isOurs(reference)), ...wanted];
    const next = { ...claim, metadata: ownerReferences.length === 0 ? metadata : { ...metadata, ownerReferences } };
    const text = wanted.length === 0 ? 'nobody' : `${wanted[0]?.kind} ${wanted[0]?.name}`;
    return act.update(persistentVolumeClaims, claim, next, {
      cause: { code: 'RetentionPolicy', text: `by the retention policy ${text} owns ${claimName}` },
    });
  });
}
