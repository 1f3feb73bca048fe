/** The part of a node that others call: logs of its containers, sessions in them, connections into pods, what they use. */
import type { Duplex } from 'node:stream';
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { ExecOptions, ExecSession } from '../runtime/index.ts';
import type { NodeNetworkState } from './network-state.ts';

/** What a container writes to, as `pods/log` names it. */
export type LogStream = 'Stdout' | 'Stderr';

/** Options of `pods/log`, as core/v1 PodLogOptions names them. */
export interface LogOptions {
  readonly container: string;
  readonly follow: boolean;
  readonly previous: boolean;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  readonly sinceSeconds: number | undefined;
  /** RFC 3339. */
  readonly sinceTime: string | undefined;
  readonly timestamps: boolean;
  /** Absent: both. */
  readonly stream?: LogStream;
  readonly signal: AbortSignal;
}

export interface PodReference {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A process to be started in a container, as core/v1 PodExecOptions names it. */
export interface PodExecOptions extends ExecOptions {
  readonly container: string;
}

/** As core/v1 PodAttachOptions names it. With a tty there is no stderr. */
export interface PodAttachOptions {
  readonly container: string;
  readonly stdin: boolean;
  readonly tty: boolean;
}

/** What one container uses. */
export interface ContainerUsage {
  readonly name: string;
  /** Since the container began. */
  readonly cpuUsageNanos: number;
  readonly memoryWorkingSetBytes: number;
}

export interface PodUsage extends PodReference {
  readonly containers: readonly ContainerUsage[];
}

/** What a node and its pods use at one time. Rates come from two of them. */
export interface NodeUsage {
  readonly nodeName: string;
  /** ms since the epoch. */
  readonly time: number;
  /** Of all processes of the machine, since it started. */
  readonly cpuUsageNanos: number;
  readonly memoryWorkingSetBytes: number;
  readonly pods: readonly PodUsage[];
}

export interface NodeEndpoint {
  nodeName(): string;
  /** Chunks of log text. @throws ApiError NotFound, BadRequest (container is waiting to start), ServiceUnavailable (the node cannot be reached). */
  logs(pod: PodReference, options: LogOptions): AsyncIterable<Uint8Array>;
  /** Starts a process in a running container. @throws ApiError as `logs`; BadRequest when the container does not run. */
  exec(pod: PodReference, options: PodExecOptions): Promise<ExecSession>;
  /**
   * Joins the streams of a container's own first process: what it writes from now on, and its stdin when the container has one. `exited`
   * resolves when the container ends, with 0: how it ended is told by the pod's status, as with the kubelet; another code: the node dropped
   * who read too slowly. `kill` only leaves.
   */
  attach(pod: PodReference, options: PodAttachOptions): Promise<ExecSession>;
  /** A TCP connection to a port on the pod's loopback. @throws ApiError as `logs`; ServiceUnavailable when nothing listens there. */
  portForward(pod: PodReference, port: number): Promise<Duplex>;
  /** @throws ApiError ServiceUnavailable */
  usage(): Promise<NodeUsage>;
  /** What a node in another process has in force of services and policies. @throws ApiError ServiceUnavailable */
  network?(): Promise<NodeNetworkState>;
  /** A connection to the HTTP server of a node in another process, with the rights of a control plane. @throws ApiError ServiceUnavailable */
  connect?(): Promise<Duplex>;
}

/** Token of the nodes in this process: a node agent each. */
export const nodeEndpoint: ServiceToken<NodeEndpoint, 'many'> = defineService<NodeEndpoint, 'many'>('node.endpoint', {
  major: 1,
  cardinality: 'many',
  sync: ['nodeName', 'logs'],
});

/** Finds nodes by their name, wherever they run. Asked for those that are not in this process. */
export interface NodeResolver {
  /** Undefined: this resolver knows no such node. @throws ApiError ServiceUnavailable when the node is known and cannot be called. */
  resolve(nodeName: string): Promise<NodeEndpoint | undefined>;
}

/** Token of what finds remote nodes. */
export const nodeResolver: ServiceToken<NodeResolver, 'many'> = defineService<NodeResolver, 'many'>('node.resolver', {
  major: 1,
  cardinality: 'many',
});

/** Where a node's server listens unless told otherwise: the kubelet's port. */
export const defaultNodePort = 10_250;

/** Path of the log of one container on a node's server, as the kubelet has it. */
export function containerLogPath(pod: PodReference, options: LogOptions): string {
  const parts = [pod.namespace, pod.name, options.container].map(encodeURIComponent).join('/');
  const query = new URLSearchParams({ uid: pod.uid });
  for (const name of ['follow', 'previous', 'timestamps'] as const) if (options[name]) query.set(name, 'true');
  for (const name of ['tailLines', 'limitBytes', 'sinceSeconds', 'sinceTime', 'stream'] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, String(value));
  }
  return `/containerLogs/${parts}?${query.toString()}`;
}

/** The groups whose members may call a node's server: the control planes, and administrators. */
export const nodeCallerGroups: readonly string[] = Object.freeze(['timonel:masters', 'system:masters']);

export * from './inspection.ts';
export * from './network-state.ts';
export * from './node-stats.ts';
export * from './session-paths.ts';
