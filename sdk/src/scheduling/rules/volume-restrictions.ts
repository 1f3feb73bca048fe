import {
  skip,
  success,
  type ClusterView,
  type Explained,
  type NodeBatch,
  type PodInfo,
  type Reason,
  type SchedulingPlugin,
  type Status,
} from '../../contracts/scheduler/index.ts';
import { disksOf, sharesDisk, type Disk } from './legacy-disks.ts';
import { nearestRow } from './nearest.ts';
import { allNodes, PodFacts } from './row-facts.ts';
import { claimMissing, claimOf, podClaims } from './volume-objects.ts';
import { oneOf } from './words.ts';

const diskTaken: Reason = Object.freeze({
  code: 'disk-conflict',
  text: 'node(s) had no available disk',
  resolvable: true,
});

const claimTaken: Reason = Object.freeze({
  code: 'read-write-once-pod-conflict',
  text: 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
  resolvable: true,
});

const noClaims: readonly string[] = [];
const keyOf = (namespace: string, claim: string): string => `${namespace}/${claim}`;

/** Claims that other pods could use as well: those made for one pod are its own anyway. */
function sharedClaims(pod: PodInfo): string[] {
  return podClaims(pod).flatMap(({ name, ephemeral }) => (ephemeral ? [] : [name]));
}

function claimKeys(pods: readonly PodInfo[]): readonly string[] {
  let keys: string[] | undefined;
  for (const pod of pods) {
    if (pod.class.claims.length === 0) continue;
    for (const claim of sharedClaims(pod)) (keys ??= []).push(keyOf(pod.namespace, claim));
  }
  return keys ?? noClaims;
}

/** What a pod wants for itself. */
interface Exclusive {
  readonly disks: readonly Disk[];
  /** `namespace/name` of claims that one pod at a time may use. */
  readonly claims: ReadonlySet<string>;
}

function exclusiveOf(pod: PodInfo, view: ClusterView): Exclusive | Status {
  const claims = new Set<string>();
  for (const name of sharedClaims(pod)) {
    const claim = claimOf(view.objects, pod.namespace, name);
    if (claim === undefined) return claimMissing(name);
    if (claim.spec?.accessModes?.includes('ReadWriteOncePod') === true) claims.add(keyOf(pod.namespace, name));
  }
  return { disks: disksOf(pod), claims };
}

function holders(view: ClusterView, row: number, uses: (pod: PodInfo) => boolean): PodInfo | undefined {
  return view.podsOf(row).find(uses);
}

function explained(nodes: NodeBatch, uses: (pod: PodInfo) => boolean, what: string): Explained {
  const { view } = nodes;
  const row = nearestRow(nodes, (at) => view.podsOf(at).filter(uses).length || Number.POSITIVE_INFINITY);
  const pod = holders(view, row, uses);
  if (pod === undefined) return { detail: {}, unblock: `remove the pod that uses ${what}` };
  const name = `${pod.namespace}/${pod.name}`;
  const node = view.names[row] ?? '';
  return { detail: { pod: name, node }, unblock: `remove pod ${name}, which uses ${what}, from ${oneOf(1, node)}` };
}

/** Claims of access mode ReadWriteOncePod have one pod in the whole cluster; some old kinds of disks one on a node. */
export function volumeRestrictions(): SchedulingPlugin {
  const used = new PodFacts(claimKeys);
  /** Asked of all nodes: the pod that has the claim may be anywhere. */
  const isUsed = (view: ClusterView, claims: ReadonlySet<string>): boolean => {
    if (claims.size === 0) return false;
    const nodes = allNodes(view);
    const ofRow = used.of(nodes);
    return nodes.rows.subarray(0, nodes.count).some((row) => (ofRow[row] ?? noClaims).some((key) => claims.has(key)));
  };
  return {
    name: 'VolumeRestrictions',
    requeueHints: [
      {
        event: 'pod-removed',
        helps: (pod, event) => {
          if (event.kind !== 'pod-removed') return false;
          const claims = new Set(claimKeys([pod]));
          return claimKeys([event.pod]).some((key) => claims.has(key)) || sharesDisk(disksOf(pod), disksOf(event.pod));
        },
      },
      { event: 'node-added' },
      {
        event: 'object-changed',
        helps: (_, event) => event.kind === 'object-changed' && event.resource === 'persistentvolumeclaims',
      },
    ],
    filterScope: 'cluster',
    preFilter: (pod, view) => {
      const state = exclusiveOf(pod, view);
      if ('code' in state) return { status: state };
      return { status: state.disks.length + state.claims.size === 0 ? skip : success, state };
    },
    filter: (_, nodes, verdicts, state) => {
      const { disks, claims } = state as Exclusive;
      const taken = isUsed(nodes.view, claims);
      if (!taken && disks.length === 0) return;
      for (let at = 0; at < nodes.count; at += 1) {
        const row = nodes.rows[at] as number;
        const conflict = disks.length > 0 && nodes.view.podsOf(row).some((pod) => sharesDisk(disks, disksOf(pod)));
        if (conflict) verdicts.reject(row, diskTaken);
        else if (taken) verdicts.reject(row, claimTaken);
      }
    },
    explain: (_, nodes, reason, state) => {
      const { disks, claims } = state as Exclusive;
      if (reason.code === diskTaken.code) return explained(nodes, (pod) => sharesDisk(disks, disksOf(pod)), 'the disk');
      const uses = (pod: PodInfo): boolean => claimKeys([pod]).some((key) => claims.has(key));
      return explained(allNodes(nodes.view), uses, `claim ${[...claims].join(', ')}`);
    },
  };
}
