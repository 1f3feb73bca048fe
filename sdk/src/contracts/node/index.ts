/** The part of a node that others call: logs of its containers (exec, attach, port-forward and stats follow the same way). */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

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
  readonly signal: AbortSignal;
}

export interface NodeEndpoint {
  nodeName(): string;
  /** Chunks of log text. @throws ApiError NotFound, BadRequest (container is waiting to start), ServiceUnavailable (the node cannot be reached). */
  logs(pod: { namespace: string; name: string; uid: string }, options: LogOptions): AsyncIterable<Uint8Array>;
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
export function containerLogPath(
  pod: { readonly namespace: string; readonly name: string; readonly uid: string },
  options: LogOptions,
): string {
  const parts = [pod.namespace, pod.name, options.container].map(encodeURIComponent).join('/');
  const query = new URLSearchParams({ uid: pod.uid });
  for (const name of ['follow', 'previous', 'timestamps'] as const) if (options[name]) query.set(name, 'true');
  for (const name of ['tailLines', 'limitBytes', 'sinceSeconds', 'sinceTime'] as const) {
    const value = options[name];
    if (value !== undefined) query.set(name, String(value));
  }
  return `/containerLogs/${parts}?${query.toString()}`;
}

/** The groups whose members may call a node's server: the control planes, and administrators. */
export const nodeCallerGroups: readonly string[] = Object.freeze(['timonel:masters', 'system:masters']);
