import {
  skip,
  success,
  type ClusterObjects,
  type NodeBatch,
  type PodInfo,
  type Reason,
  type SchedulingPlugin,
} from '../../contracts/scheduler/index.ts';
import { nearestRow } from './nearest.ts';
import { claimOf, storageClassOf, type Claim, type CsiNode, type PersistentVolume } from './volume-objects.ts';
import { oneOf } from './words.ts';

const tooMany: Reason = Object.freeze({
  code: 'volume-limit',
  text: 'node(s) exceed max volume count',
  resolvable: true,
});

/** Volumes by a name that is theirs alone, with the driver that attaches them. */
type Volumes = Map<string, string>;

/** undefined: no CSI driver is known for it. */
function volumeOf(claim: Claim, objects: ClusterObjects): [id: string, driver: string] | undefined {
  const { namespace = '', name = '' } = claim.metadata;
  const volumeName = claim.spec?.volumeName ?? '';
  const volume: PersistentVolume | undefined = volumeName === '' ? undefined : objects.persistentVolume(volumeName);
  if (volume !== undefined) {
    const { driver = '', volumeHandle = '' } = volume.spec?.csi ?? {};
    return driver === '' ? undefined : [`${driver}/${volumeHandle}`, driver];
  }
  // It will be made when the pod is placed: it counts under a name of its own.
  const provisioner = storageClassOf(objects, claim)?.provisioner ?? '';
  return provisioner === '' ? undefined : [`${provisioner}/claim ${namespace}/${name}`, provisioner];
}

function addVolumes({ namespace, class: { claims } }: PodInfo, objects: ClusterObjects, into: Volumes): void {
  for (const name of claims) {
    const claim = claimOf(objects, namespace, name);
    const volume = claim === undefined ? undefined : volumeOf(claim, objects);
    if (volume !== undefined) into.set(...volume);
  }
}

function attachedTo(pods: readonly PodInfo[], objects: ClusterObjects): Volumes {
  const attached: Volumes = new Map();
  for (const pod of pods) if (pod.class.claims.length > 0) addVolumes(pod, objects, attached);
  return attached;
}

function countOf(volumes: Iterable<string>, driver: string): number {
  let count = 0;
  for (const of of volumes) if (of === driver) count += 1;
  return count;
}

interface Excess {
  readonly driver: string;
  readonly limit: number;
  readonly attached: number;
  /** Volumes that would have to go. */
  readonly excess: number;
}

/** The driver of the node that would have too many volumes; undefined: none. */
function excessOf(wanted: Volumes, { view }: NodeBatch, row: number): Excess | undefined {
  const { objects } = view;
  const csiNode: CsiNode | undefined = objects.csiNode(view.names[row] ?? '');
  if (csiNode === undefined) return undefined;
  let attached: Volumes | undefined;
  for (const { name: driver, allocatable } of csiNode.spec?.drivers ?? []) {
    const limit = allocatable?.count;
    if (limit === undefined || countOf(wanted.values(), driver) === 0) continue;
    attached ??= attachedTo(view.podsOf(row), objects);
    const added = [...wanted].filter(([id, of]) => of === driver && attached?.has(id) !== true).length;
    const present = countOf(attached.values(), driver);
    if (added > 0 && present + added > limit)
      return { driver, limit, attached: present, excess: present + added - limit };
  }
  return undefined;
}

/** A node takes as many volumes as its CSI drivers can attach. */
export function nodeVolumeLimits(): SchedulingPlugin {
  return {
    name: 'NodeVolumeLimits',
    requeueHints: [
      { event: 'node-added' },
      {
        event: 'pod-removed',
        helps: (_, event) => event.kind === 'pod-removed' && event.pod.class.claims.length > 0,
      },
      {
        event: 'object-changed',
        helps: (_, event) =>
          event.kind === 'object-changed' && ['csinodes', 'persistentvolumeclaims'].includes(event.resource),
      },
    ],
    filterScope: 'cluster',
    preFilter: (pod, { objects }) => {
      const state: Volumes = new Map();
      addVolumes(pod, objects, state);
      return { status: state.size === 0 ? skip : success, state };
    },
    filter: (_, nodes, verdicts, state) => {
      for (let at = 0; at < nodes.count; at += 1) {
        const row = nodes.rows[at] as number;
        if (excessOf(state as Volumes, nodes, row) !== undefined) verdicts.reject(row, tooMany);
      }
    },
    explain: (_, nodes, __, state) => {
      const excess = (row: number): Excess | undefined => excessOf(state as Volumes, nodes, row);
      const row = nearestRow(nodes, (at) => excess(at)?.excess ?? Number.POSITIVE_INFINITY);
      const node = nodes.view.names[row] ?? '';
      const detail = { ...excess(row), node };
      const volumes = detail.excess === 1 ? 'a volume' : `${detail.excess} volumes`;
      return { detail, unblock: `detach ${volumes} of ${detail.driver} from ${oneOf(nodes.count, node)}` };
    },
  };
}
