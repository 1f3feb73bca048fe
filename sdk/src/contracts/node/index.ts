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
  /** Chunks of log text. @throws ApiError NotFound, BadRequest (container is waiting to start). */
  logs(pod: { namespace: string; name: string; uid: string }, options: LogOptions): AsyncIterable<Uint8Array>;
}

/** Token of the reachable nodes: the node agent in this process, or a provider that speaks to remote ones. */
export const nodeEndpoint: ServiceToken<NodeEndpoint, 'many'> = defineService<NodeEndpoint, 'many'>('node.endpoint', {
  major: 1,
  cardinality: 'many',
  sync: ['nodeName', 'logs'],
});
