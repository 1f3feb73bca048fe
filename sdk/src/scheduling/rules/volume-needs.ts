/** What the claims of a pod ask of nodes. */
import type { ClusterView, PodInfo, Status } from '../../contracts/scheduler/index.ts';
import type { Node } from '../../kube/index.ts';
import {
  claimSize,
  classNameOf,
  isFullyBound,
  isMadeFor,
  noProvisioner,
  selectedNode,
  waitsForConsumer,
} from '../../volumes/index.ts';
import { labelTest } from './label-test.ts';
import { NodeCondition, type NodeTerm } from './node-condition.ts';
import { roomFor, type StorageRoom } from './volume-capacity.ts';
import { Candidates, volumesFor } from './volume-matching.ts';
import {
  claimMissing,
  claimOf,
  podClaims,
  storageClassOf,
  type Claim,
  type PersistentVolume,
  type PodClaim,
  type StorageClass,
} from './volume-objects.ts';
import type { Reservations } from './volume-reservations.ts';

/** Where a volume can be made. */
export interface Provision {
  readonly nodes: NodeCondition;
  /** undefined: as large a one as is wanted, everywhere. */
  readonly room: StorageRoom | undefined;
}

/** A claim whose volume is chosen, or made, where the pod goes. */
export interface OpenClaim {
  readonly claim: Claim;
  readonly candidates: Candidates;
  /** undefined: nowhere. */
  readonly provision: Provision | undefined;
}

export interface SelectedClaim {
  readonly nodeName: string;
  /** undefined: a volume that is there is on its way to the claim. */
  readonly provision: NodeCondition | undefined;
}

export interface Volumes {
  readonly bound: readonly PersistentVolume[];
  /** A claim's volume does not exist; those after it do not matter any more. */
  readonly boundMissing: boolean;
  /** The smallest first: each takes the smallest volume that is left. */
  readonly open: readonly OpenClaim[];
  /** Claims that are being provided for on a node that was chosen already. */
  readonly selected: readonly SelectedClaim[];
  /** Those that have no volume yet, selected or open. */
  readonly unbound: readonly Claim[];
}

function refused(reasonCode: string, reason: string): Status {
  return { code: 'unresolvable', reasonCode, reason };
}

/** The claim of a volume of the pod, or why it cannot be used. */
function usableClaim(pod: PodInfo, { name, ephemeral }: PodClaim, view: ClusterView): Claim | Status {
  const claim = claimOf(view.objects, pod.namespace, name);
  if (claim === undefined) {
    const waiting = `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`;
    return ephemeral ? refused('claim-missing', waiting) : claimMissing(name);
  }
  if (claim.status?.phase === 'Lost') {
    const volume = claim.spec?.volumeName ?? '';
    return refused('claim-lost', `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volume}"`);
  }
  if (claim.metadata.deletionTimestamp !== undefined) {
    return refused('claim-deleted', `persistentvolumeclaim "${name}" is being deleted`);
  }
  if (ephemeral && !isMadeFor(claim, pod)) {
    const [of, by] = [`${pod.namespace}/${name}`, `${pod.namespace}/${pod.name}`];
    return refused('claim-not-owned', `PVC "${of}" was not created for pod "${by}" (pod is not owner)`);
  }
  return claim;
}

function topologyTerms({ allowedTopologies }: StorageClass): NodeTerm[] | undefined {
  if (allowedTopologies === undefined || allowedTopologies.length === 0) return undefined;
  return allowedTopologies.flatMap(({ matchLabelExpressions = [] }) => {
    const labels = matchLabelExpressions.map(({ key, values = [] }) => labelTest({ key, operator: 'In', values }));
    const whole = labels.length > 0 && labels.every((test) => test !== undefined);
    return whole ? [{ labels, fields: [] }] : [];
  });
}

function provisionOf(claim: Claim, { objects }: ClusterView): Provision | undefined {
  const storageClass = storageClassOf(objects, claim);
  const provisioner = storageClass?.provisioner ?? '';
  if (storageClass === undefined || provisioner === '' || provisioner === noProvisioner) return undefined;
  return {
    nodes: new NodeCondition([], topologyTerms(storageClass)),
    room: roomFor(objects, provisioner, classNameOf(claim)),
  };
}

function openClaim(claim: Claim, view: ClusterView, reservations: Reservations): OpenClaim {
  const volumes = volumesFor(view.objects, claim);
  const candidates = new Candidates(claim, reservations.left(volumes, claim));
  return { claim, candidates, provision: provisionOf(claim, view) };
}

function boundOf(claims: readonly Claim[], { objects }: ClusterView): Pick<Volumes, 'bound' | 'boundMissing'> {
  const bound: PersistentVolume[] = [];
  for (const { spec } of claims) {
    const volume = objects.persistentVolume(spec?.volumeName ?? '');
    if (volume === undefined) return { bound, boundMissing: true };
    bound.push(volume);
  }
  return { bound, boundMissing: false };
}

/** Where the claim is being provided for. A choice of a node that is gone does not count. */
function selection(claim: Claim, view: ClusterView, reservations: Reservations): SelectedClaim | undefined {
  const chosen = claim.metadata.annotations?.[selectedNode];
  if (chosen !== undefined && view.rowOf(chosen) !== undefined) {
    return { nodeName: chosen, provision: provisionOf(claim, view)?.nodes ?? new NodeCondition([], []) };
  }
  const nodeName = reservations.nodeOf(claim);
  return nodeName === undefined ? undefined : { nodeName, provision: undefined };
}

/** What the claims of a pod ask of nodes, or why the pod must wait. */
export function volumesOf(pod: PodInfo, view: ClusterView, reservations: Reservations): Volumes | Status {
  const claims: Claim[] = [];
  for (const volume of podClaims(pod)) {
    const claim = usableClaim(pod, volume, view);
    if ('metadata' in claim) claims.push(claim);
    else return claim;
  }
  const unbound = claims.filter((claim) => !isFullyBound(claim));
  const waits = (claim: Claim): boolean =>
    (claim.spec?.volumeName ?? '') === '' && waitsForConsumer(storageClassOf(view.objects, claim));
  if (!unbound.every(waits)) return refused('claim-unbound', 'pod has unbound immediate PersistentVolumeClaims');
  const selected: SelectedClaim[] = [];
  const open: Claim[] = [];
  for (const claim of unbound) {
    const place = selection(claim, view, reservations);
    if (place === undefined) open.push(claim);
    else selected.push(place);
  }
  return {
    ...boundOf(claims.filter(isFullyBound), view),
    open: open.toSorted((a, b) => claimSize(a) - claimSize(b)).map((claim) => openClaim(claim, view, reservations)),
    selected,
    unbound,
  };
}

/** How the open claims come to volumes on a node. */
export interface Choice {
  readonly given: readonly { readonly claim: Claim; readonly volume: PersistentVolume }[];
  /** Claims for which a volume is made there. */
  readonly made: readonly Claim[];
}

/** `room`: volumes could be made, but there is not enough room for them. */
export function choose(open: readonly OpenClaim[], node: Node): Choice | 'nothing' | 'room' {
  const chosen = new Set<PersistentVolume>();
  const given: { claim: Claim; volume: PersistentVolume }[] = [];
  const made: OpenClaim[] = [];
  for (const one of open) {
    const volume = one.candidates.on(node, chosen);
    if (volume !== undefined) {
      chosen.add(volume);
      given.push({ claim: one.claim, volume });
    } else if (one.provision?.nodes.matches(node) === true) made.push(one);
    else return 'nothing';
  }
  if (made.length > 0 && !haveRoom(made, node)) return 'room';
  return { given, made: made.map(({ claim }) => claim) };
}

/** Volumes of one class share the room. */
function haveRoom(made: readonly OpenClaim[], node: Node): boolean {
  const asked = new Map<StorageRoom, number[]>();
  for (const { claim, provision } of made) {
    if (provision?.room !== undefined) {
      asked.set(provision.room, [...(asked.get(provision.room) ?? []), claimSize(claim)]);
    }
  }
  return [...asked].every(([room, sizes]) => room.holds(node, sizes));
}
