/** What may make a pod schedulable that was not. */
import type { Node } from '../../kube/index.ts';
import type { PodInfo } from './pod-info.ts';

/** A change of the cluster that could matter to pods that wait. */
export type ClusterEvent =
  | { readonly kind: 'node-added'; readonly node: Node }
  /** Which parts differ: `allocatable`, `labels`, `taints`, `unschedulable`, `images`, `conditions`. */
  | { readonly kind: 'node-updated'; readonly node: Node; readonly old: Node; readonly parts: readonly NodePart[] }
  | { readonly kind: 'node-removed'; readonly node: Node }
  /** A pod was bound to a node: it can be the peer that somebody's affinity asks for. */
  | { readonly kind: 'pod-bound'; readonly pod: PodInfo; readonly nodeName: string }
  /** A pod left its node: it has ended or was deleted. */
  | { readonly kind: 'pod-removed'; readonly pod: PodInfo; readonly nodeName: string }
  /** Labels or requests of a bound pod changed. */
  | { readonly kind: 'pod-updated'; readonly pod: PodInfo; readonly old: PodInfo; readonly nodeName: string }
  /** A claim, volume, class, CSINode, namespace or disruption budget changed. `resource`: its plural name. */
  | { readonly kind: 'object-changed'; readonly resource: string };

export type NodePart = 'allocatable' | 'labels' | 'taints' | 'unschedulable' | 'images' | 'conditions';

export type ClusterEventKind = ClusterEvent['kind'];

/** An event that may change a plugin's verdict. Without `helps` every event of the kind does. */
export interface RequeueHint {
  readonly event: ClusterEventKind;
  /** Whether `pod`, which the plugin refused, should be tried again. A throw counts as yes. */
  helps?(pod: PodInfo, event: ClusterEvent): boolean;
}
