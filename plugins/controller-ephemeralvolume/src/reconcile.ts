/** The claims that a pod's ephemeral volumes stand for. Pure. */
import type { Cause } from '@timonel/sdk/contracts/why';
import { act, type Action, type Observation, type Reconciliation } from '@timonel/sdk/controller';
import {
  controllerReference,
  persistentVolumeClaims,
  pods,
  type PersistentVolumeClaim,
  type PersistentVolumeClaimSpec,
  type Pod,
} from '@timonel/sdk/kube';
import { isMadeFor, podClaims } from '@timonel/sdk/volumes';

export interface Observed extends Observation<Pod> {
  /** By name: the claims of the namespace that are called as those of the pod would be. */
  readonly claims: ReadonlyMap<string, PersistentVolumeClaim>;
}

interface Template {
  readonly metadata?: { readonly labels?: Record<string, string>; readonly annotations?: Record<string, string> };
  readonly spec?: PersistentVolumeClaimSpec;
}

export interface Wanted {
  readonly claimName: string;
  readonly volume: string;
  readonly template: Template;
}

/** The ephemeral volumes of the pod, and how their claims are called. */
export function wantedClaims(pod: Pod): Wanted[] {
  const sources = new Map((pod.spec.volumes ?? []).map((volume) => [volume.name, volume['ephemeral']]));
  return podClaims(pod, pod.metadata.name ?? '')
    .filter(({ ephemeral }) => ephemeral)
    .map(({ name, volume }) => {
      const source = sources.get(volume) as { readonly volumeClaimTemplate?: Template } | undefined;
      return { claimName: name, volume, template: source?.volumeClaimTemplate ?? {} };
    });
}

function claimFor(pod: Pod, { claimName, template }: Wanted): PersistentVolumeClaim {
  const { labels, annotations } = template.metadata ?? {};
  return {
    metadata: {
      name: claimName,
      ...(pod.metadata.namespace === undefined ? {} : { namespace: pod.metadata.namespace }),
      ...(labels === undefined ? {} : { labels: { ...labels } }),
      ...(annotations === undefined ? {} : { annotations: { ...annotations } }),
      ownerReferences: [controllerReference(pod, pods)],
    },
    spec: { ...template.spec },
  };
}

function conflictOf(pod: Pod, { claimName, volume }: Wanted): string {
  const of = `PVC "${pod.metadata.namespace ?? ''}/${claimName}"`;
  return `ephemeral volume ${volume}: ${of} was not created for this pod: delete that claim, or rename the pod or its volume`;
}

const isOver = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** A refused creation ends the pass and is tried again: the scheduler waits for the claim meanwhile. */
export function reconcile({ subject: pod, claims }: Observed): Reconciliation {
  if (pod === undefined || pod.metadata.deletionTimestamp !== undefined || isOver(pod)) return { actions: [] };
  const actions = wantedClaims(pod).flatMap((wanted): Action[] => {
    const claim = claims.get(wanted.claimName);
    if (claim === undefined) {
      const cause = { code: 'ClaimMissing', text: `ephemeral volume ${wanted.volume} has no claim` };
      const failure = { reason: 'FailedBinding', message: `ephemeral volume ${wanted.volume}: ` };
      const event = { reason: 'ClaimCreated', message: `Created claim ${wanted.claimName}`, failure };
      return [act.create(persistentVolumeClaims, claimFor(pod, wanted), { cause, event })];
    }
    if (isMadeFor(claim, pod.metadata)) return [];
    const message = conflictOf(pod, wanted);
    const event = { reason: 'FailedBinding', message, kind: 'Warning' } as const;
    return [act.event(pods, event, { code: 'NameTaken', text: message })];
  });
  return { actions };
}

/** What of this a pod waits for. */
export function explain({ subject: pod, claims }: Observed): readonly Cause[] {
  if (pod === undefined || isOver(pod)) return [];
  const component = 'controller-ephemeralvolume';
  return wantedClaims(pod).flatMap((wanted): Cause[] => {
    const claim = claims.get(wanted.claimName);
    if (claim === undefined) {
      const text = `claim ${wanted.claimName} of ephemeral volume ${wanted.volume} is not made yet`;
      return [{ component, code: 'claim-missing', text }];
    }
    if (isMadeFor(claim, pod.metadata)) return [];
    const unblock = `delete claim ${wanted.claimName}, or rename the pod or its volume`;
    return [{ component, code: 'claim-taken', text: conflictOf(pod, wanted), unblock }];
  });
}
