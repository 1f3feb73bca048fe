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
import { explainVolumes } from './volume-explanation.ts';
import { nodesOf } from './volume-matching.ts';
import { choose, volumesOf, type Choice, type Volumes } from './volume-needs.ts';
import type { Claim } from './volume-objects.ts';
import { noReservations, VolumeReservations } from './volume-reservations.ts';

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

const noRoom: Reason = Object.freeze({
  code: 'no-storage-capacity',
  text: 'node(s) did not have enough free storage',
  resolvable: false,
});

const volumeGone: Reason = Object.freeze({
  code: 'volume-missing',
  text: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
  resolvable: false,
});

function whyNot({ open, selected }: Volumes, node: Node): Reason | undefined {
  const here = selected.every(
    ({ nodeName, provision }) =>
      nodeName === node.metadata.name && (provision === undefined || provision.matches(node)),
  );
  if (!here) return noVolume;
  const choice = choose(open, node);
  if (typeof choice === 'object') return undefined;
  return choice === 'room' ? noRoom : noVolume;
}

function filterRows(volumes: Volumes, nodes: NodeBatch, reject: (row: number, reason: Reason) => void): void {
  const { bound, boundMissing } = volumes;
  const { rows, count, view } = nodes;
  const reachable = bound.map((volume) => nodesOf(volume).over(nodes));
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    if (!reachable.every((holds) => holds[row] === 1)) reject(row, elsewhere);
    else if (boundMissing) reject(row, volumeGone);
    const reason = whyNot(volumes, view.nodes[row] as Node);
    if (reason !== undefined) reject(row, reason);
  }
}

/** What is to be written before the pod is bound. */
export interface VolumePlan extends Choice {
  readonly nodeName: string;
  /** All claims of the pod that have no volume yet, also those that others have provided for. */
  readonly unbound: readonly Claim[];
}

/** Carries plans out. */
export interface VolumeBinder {
  /**
   * Gives volumes to claims, has others made on the node, and waits until all unbound claims are bound. Anything but `success`: the pod is
   * tried again. `signal`: the pod does not go there any more.
   */
  bind(plan: VolumePlan, signal: AbortSignal): Promise<Status>;
}

interface OnItsWay {
  readonly plan: VolumePlan;
  readonly stop: AbortController;
}

const resources = [
  'persistentvolumeclaims',
  'persistentvolumes',
  'storageclasses',
  'csinodes',
  'csidrivers',
  'csistoragecapacities',
];

/** Reserves volumes of the chosen node, and has them bound before the pod is. */
class Binding {
  readonly reservations: VolumeReservations = new VolumeReservations();
  readonly #binder: VolumeBinder;
  readonly #pods = new Map<string, OnItsWay>();
  view: ClusterView | undefined;

  constructor(binder: VolumeBinder) {
    this.#binder = binder;
  }

  reserve(pod: PodInfo, nodeName: string): Status {
    const { view } = this;
    if (view === undefined) return success;
    const row = view.rowOf(nodeName);
    const node = row === undefined ? undefined : view.nodes[row];
    const volumes = volumesOf(pod, view, this.reservations);
    if ('code' in volumes) return { ...volumes, code: 'unschedulable' };
    const reason = node === undefined ? noVolume : whyNot(volumes, node);
    const choice = node === undefined ? 'nothing' : choose(volumes.open, node);
    if (reason !== undefined || typeof choice !== 'object') {
      return {
        code: 'unschedulable',
        reasonCode: 'volumes-taken',
        reason: 'its volumes were given to another pod meanwhile',
      };
    }
    if (volumes.unbound.length === 0) return success;
    this.reservations.take(pod.uid, nodeName, choice);
    this.#pods.set(pod.uid, { plan: { nodeName, unbound: volumes.unbound, ...choice }, stop: new AbortController() });
    return success;
  }

  async preBind(pod: PodInfo): Promise<Status> {
    const way = this.#pods.get(pod.uid);
    if (way === undefined) return success;
    const status = await this.#binder.bind(way.plan, way.stop.signal);
    return status.code === 'success' ? this.#checkPlaces(way.plan) : status;
  }

  end(pod: PodInfo): void {
    this.#pods.get(pod.uid)?.stop.abort();
    this.#pods.delete(pod.uid);
    this.reservations.release(pod.uid);
  }

  /** A provisioner may have made the volume elsewhere. */
  #checkPlaces({ nodeName, unbound }: VolumePlan): Status {
    const { view } = this;
    const node = view?.nodes[view.rowOf(nodeName) ?? -1];
    if (view === undefined || node === undefined) return success;
    for (const { metadata } of unbound) {
      const claim: Claim | undefined = view.objects.persistentVolumeClaim(
        metadata.namespace ?? '',
        metadata.name ?? '',
      );
      const volume = view.objects.persistentVolume(claim?.spec?.volumeName ?? '');
      if (volume === undefined || nodesOf(volume).matches(node)) continue;
      const reason = `volume ${volume.metadata.name ?? ''} of claim ${metadata.name ?? ''} is not on node ${nodeName}`;
      return { code: 'unschedulable', reasonCode: 'volume-elsewhere', reason };
    }
    return success;
  }
}

/**
 * Volumes of the pod must be usable on the node, and claims that wait for it must find one there. Without a `binder` it says where the pod
 * could go, and leaves claims that wait as they are.
 */
export function volumeBinding(binder?: VolumeBinder): SchedulingPlugin {
  const binding = binder === undefined ? undefined : new Binding(binder);
  const reservations = binding?.reservations ?? noReservations;
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
      if (binding !== undefined) binding.view = view;
      const state = volumesOf(pod, view, reservations);
      return 'code' in state ? { status: state } : { status: success, state };
    },
    filter: (_, nodes, verdicts, state) => {
      filterRows(state as Volumes, nodes, (row, reason) => verdicts.reject(row, reason));
    },
    explain: (_, nodes, reason, state) => explainVolumes(state as Volumes, nodes, reason.code),
    ...(binding === undefined ? {} : extensionPoints(binding)),
  };
}

type BindingPoint = 'takesPart' | 'reserve' | 'preBind' | 'postBind' | 'unreserve';

function extensionPoints(binding: Binding): Pick<SchedulingPlugin, BindingPoint> {
  return {
    takesPart: ({ claims }) => claims.length > 0,
    reserve: (pod, nodeName) => binding.reserve(pod, nodeName),
    preBind: (pod) => binding.preBind(pod),
    postBind: (pod) => binding.end(pod),
    unreserve: (pod) => binding.end(pod),
  };
}
