import {
  skip,
  success,
  type ClusterView,
  type NodeBatch,
  type PodInfo,
  type Reason,
  type SchedulingPlugin,
  type Status,
} from '../../contracts/scheduler/index.ts';
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
import { explainVolumes } from './volume-explanation.ts';
import { Candidates, nodesOf, volumesOfClass } from './volume-matching.ts';
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

const elsewhere: Reason = Object.freeze({
  code: 'volume-node-affinity',
  text: "node(s) didn't match PersistentVolume's node affinity",
  resolvable: false,
});

const noVolume: Reason = Object.freeze({
  code: 'no-volume-to-bind',
  text: "node(s) didn't find available persistent volumes to bind",
  resolvable: false,
});

const volumeGone: Reason = Object.freeze({
  code: 'volume-missing',
  text: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
  resolvable: false,
});

/** A claim whose volume is chosen, or made, where the pod goes. */
export interface OpenClaim {
  readonly claim: Claim;
  readonly candidates: Candidates;
  /** Where a volume can be made for it; undefined: nowhere. */
  readonly provision: NodeCondition | undefined;
}

export interface SelectedClaim {
  readonly nodeName: string;
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

function provisionOf(claim: Claim, { objects }: ClusterView): NodeCondition | undefined {
  const storageClass = storageClassOf(objects, claim);
  const provisioner = storageClass?.provisioner ?? '';
  if (storageClass === undefined || provisioner === '' || provisioner === noProvisioner) return undefined;
  return new NodeCondition([], topologyTerms(storageClass));
}

function openClaim(claim: Claim, view: ClusterView): OpenClaim {
  const candidates = new Candidates(claim, volumesOfClass(view.objects, classNameOf(claim)));
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

/** What the claims of a pod ask of nodes, or why the pod must wait. */
function volumesOf(pod: PodInfo, view: ClusterView): Volumes | Status {
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
  const open = unbound.filter(({ metadata }) => metadata.annotations?.[selectedNode] === undefined);
  return {
    ...boundOf(claims.filter(isFullyBound), view),
    open: open.toSorted((a, b) => claimSize(a) - claimSize(b)).map((claim) => openClaim(claim, view)),
    selected: unbound.flatMap((claim) => {
      const nodeName = claim.metadata.annotations?.[selectedNode];
      return nodeName === undefined ? [] : [{ nodeName, provision: provisionOf(claim, view) }];
    }),
  };
}

function canBind(open: readonly OpenClaim[], node: Node): boolean {
  const chosen = new Set<PersistentVolume>();
  for (const { candidates, provision } of open) {
    const volume = candidates.on(node, chosen);
    if (volume !== undefined) chosen.add(volume);
    else if (provision?.matches(node) !== true) return false;
  }
  return true;
}

function filterRows(
  { bound, boundMissing, open, selected }: Volumes,
  nodes: NodeBatch,
  reject: (row: number, reason: Reason) => void,
): void {
  const { rows, count, view } = nodes;
  const reachable = bound.map((volume) => nodesOf(volume).over(nodes));
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    if (!reachable.every((holds) => holds[row] === 1)) reject(row, elsewhere);
    else if (boundMissing) reject(row, volumeGone);
    const node = view.nodes[row] as Node;
    const here = selected.every(
      ({ nodeName, provision }) => nodeName === view.names[row] && provision?.matches(node) === true,
    );
    if (!here || !canBind(open, node)) reject(row, noVolume);
  }
}

const resources = ['persistentvolumeclaims', 'persistentvolumes', 'storageclasses', 'csinodes'];

/** Volumes of the pod must be usable on the node, and claims that wait for it must find one there. */
export function volumeBinding(): SchedulingPlugin {
  return {
    name: 'VolumeBinding',
    requeueHints: [
      { event: 'node-added' },
      { event: 'node-updated', helps: (_, event) => event.kind === 'node-updated' && event.parts.includes('labels') },
      {
        event: 'object-changed',
        helps: (_, event) => event.kind === 'object-changed' && resources.includes(event.resource),
      },
    ],
    filterScope: 'cluster',
    preFilter: (pod, view) => {
      if (pod.class.claims.length === 0) return { status: skip };
      const state = volumesOf(pod, view);
      return 'code' in state ? { status: state } : { status: success, state };
    },
    filter: (_, nodes, verdicts, state) => {
      filterRows(state as Volumes, nodes, (row, reason) => verdicts.reject(row, reason));
    },
    explain: (_, nodes, reason, state) => explainVolumes(state as Volumes, nodes, reason.code),
  };
}
