import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Pod } from '../../kube/index.ts';
import type { NodeStats, ProbeCount } from './node-stats.ts';

/** What a node answers to those who look at it as they look at a kubelet. */
export interface NodeInspection {
  /** With the statuses that the node has come to. */
  pods(): Promise<readonly Pod[]>;
  stats(): Promise<NodeStats>;
  probes(): Promise<readonly ProbeCount[]>;
  /** Its configuration, in the kubelet's terms. */
  configuration(): Promise<Readonly<Record<string, unknown>>>;
}

/** Token of the node agents in this process, for their servers. */
export const nodeInspection: ServiceToken<NodeInspection, 'many'> = defineService<NodeInspection, 'many'>(
  'node.inspection',
  { major: 1, cardinality: 'many' },
);
