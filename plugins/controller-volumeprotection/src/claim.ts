/** Whether a claim may go. Pure. */
import { act, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import type { Cause } from '@timonel/sdk/contracts/why';
import { persistentVolumeClaims, type PersistentVolumeClaim, type Pod } from '@timonel/sdk/kube';
import { claimProtection, isMadeFor, podClaims } from '@timonel/sdk/volumes';
import { withFinalizer, withoutFinalizer } from './finalizers.ts';

export interface ObservedClaim extends Observation<PersistentVolumeClaim> {
  /** Pods of the namespace that name the claim. Only looked at when the claim is to go. */
  readonly pods: readonly Pod[];
}

/** The node has nothing to do with it any more. */
function isShutDown({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
}

/** A pod without a node does not count: no node starts one whose claim is being deleted. */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if ((pod.spec.nodeName ?? '') === '') return false;
  const { name } = claim.metadata;
  return podClaims(pod, pod.metadata.name ?? '').some(
    (used) => used.name === name && (!used.ephemeral || (!isShutDown(pod) && isMadeFor(claim, pod.metadata))),
  );
}

export function reconcileClaim({ subject: claim, pods }: ObservedClaim): Reconciliation {
  if (claim === undefined) return { actions: [] };
  const { deletionTimestamp, finalizers = [] } = claim.metadata;
  const isProtected = finalizers.includes(claimProtection);
  if (deletionTimestamp === undefined) {
    const cause = { code: 'Unprotected', text: 'pods may come to use the claim' };
    const next = withFinalizer(claim, claimProtection);
    return { actions: isProtected ? [] : [act.update(persistentVolumeClaims, claim, next, { cause })] };
  }
  if (!isProtected || pods.some((pod) => usesClaim(pod, claim))) return { actions: [] };
  const cause = { code: 'Unused', text: 'the claim is being deleted, and no pod uses it' };
  return { actions: [act.update(persistentVolumeClaims, claim, withoutFinalizer(claim, claimProtection), { cause })] };
}

const namesShown = 5;

export function explainClaim({ subject: claim, pods }: ObservedClaim): readonly Cause[] {
  if (claim?.metadata.deletionTimestamp === undefined) return [];
  const names = pods.filter((pod) => usesClaim(pod, claim)).map(({ metadata }) => metadata.name ?? '');
  if (names.length === 0) return [];
  const shown = names.slice(0, namesShown).join(', ');
  return [
    {
      component: 'controller-volumeprotection',
      code: 'in-use',
      text: `the claim is being deleted, and ${names.length} ${names.length === 1 ? 'pod uses' : 'pods use'} it: ${shown}`,
      unblock: `delete ${names.length === 1 ? `pod ${shown}` : 'these pods'}; also pods that have ended count`,
      detail: { pods: names.slice(0, namesShown) },
    },
  ];
}
