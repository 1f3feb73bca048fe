/** What of this machine is in the way of a node's network, though the kernel could do everything. */
import type { Finding, Ranges } from './finding.ts';
import { foreignRules } from './foreign-rules.ts';
import type { NetworkView } from './network-view.ts';
import { overlaps } from './overlaps.ts';
import { portClashes } from './port-clashes.ts';

export interface Obstacle extends Finding {
  /** A node can do without. */
  readonly optional: boolean;
}

export const defaultRanges: Ranges = { pods: '10.244.0.0/16', services: '10.96.0.0/16' };

export async function obstacles(view: NetworkView, ranges: Ranges): Promise<readonly Obstacle[]> {
  const [rules, routes, ports] = await Promise.all([
    foreignRules(view, ranges),
    overlaps(view, ranges),
    portClashes(view),
  ]);
  return [
    ...[...rules, ...routes].map((finding) => ({ ...finding, optional: false })),
    // Each can be another.
    ...ports.map((finding) => ({ ...finding, optional: true })),
  ];
}
