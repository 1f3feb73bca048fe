/** What would become of a new connection: which service, endpoint, policy and route decides. */

/** One end, as it was found. */
export interface TrafficEnd {
  readonly kind: 'pod' | 'service' | 'node' | 'address';
  readonly namespace?: string;
  readonly name?: string;
  /** What packets have or are sent to. */
  readonly addresses: readonly string[];
  /** Of a pod: where it is. */
  readonly node?: string;
  /** A pod with the network of its node, for which policies do not count. */
  readonly hostNetwork?: true;
}

/** What policies say at one end. */
export interface TrafficRule {
  readonly direction: 'egress' | 'ingress';
  /** `namespace/name` of the pod whose policies these are. */
  readonly pod: string;
  /** Where it is decided. */
  readonly node?: string;
  readonly allowed: boolean;
  /** `namespace/name` of those that select the pod. None: everything is allowed. */
  readonly policies: readonly string[];
  /** The one that allows it. */
  readonly by?: string;
  /** False: the node has nobody who enforces policies. Absent: not known. */
  readonly enforced?: boolean;
}

export type EndpointState = 'ready' | 'serving' | 'not ready';

/** The way to one address, after services are translated. */
export interface TrafficPath {
  readonly address: string;
  readonly port: number;
  /** `namespace/name`. */
  readonly pod?: string;
  readonly node?: string;
  /** Of a service's endpoint. */
  readonly state?: EndpointState;
  /** New connections are sent there. */
  readonly used: boolean;
  /** `on the same node`, … */
  readonly route: string;
  readonly outcome: 'passes' | 'dropped';
  /** First what the sender may send, then what the receiver takes. */
  readonly rules: readonly TrafficRule[];
  readonly notes: readonly string[];
}

/** What a node has in force. */
export interface NodeTables {
  readonly node: string;
  readonly ready: boolean;
  readonly proxy?: TableState;
  /** Absent: it enforces no policies, or nobody could be asked: see `problem`. */
  readonly policies?: TableState;
  /** Why the node could not be asked. */
  readonly problem?: string;
}

export interface TableState {
  /** `nftables`, `userspace`. */
  readonly implementation: string;
  /** ms since the epoch of the last change that was put in force; 0: none yet. */
  readonly lastSyncAt: number;
  /** Everything that counts for this connection is in force as the API has it now. Absent: not known. */
  readonly current?: boolean;
  /** Why a newer state is not in force. */
  readonly lastError?: string;
}

/** How the service translates. */
export interface TrafficService {
  readonly namespace: string;
  readonly name: string;
  /** `ClusterIP`, `headless`, … */
  readonly type: string;
  /** `http 80 -> 8080`; absent: it has no such port. */
  readonly port?: string;
}

export interface Traffic {
  readonly from: TrafficEnd;
  readonly to: TrafficEnd;
  readonly protocol: string;
  readonly port: number | undefined;
  readonly service?: TrafficService;
  /** `partly`: to some of the endpoints. `refused`: at once, by a reset. `dropped`: no answer. `unknown`: nothing can be sent, or it is not ours. */
  readonly outcome: 'passes' | 'partly' | 'dropped' | 'refused' | 'unknown';
  /** One line. */
  readonly summary: string;
  readonly paths: readonly TrafficPath[];
  /** Those of both ends. */
  readonly nodes: readonly NodeTables[];
  /** Paths that were left out. */
  readonly cut?: number;
}
