/** Pods that a constraint of spreading counts, by domain. */
import { nodeTopology, type ClusterView, type SpreadConstraint } from '../../contracts/scheduler/index.ts';
import type { SpreadNodes } from './spread-nodes.ts';

/** In place of a count: no node of the domain counts. */
export const noDomain = -1;

/** By domain: the number of pods, or `noDomain`. */
export function spreadCounts(
  view: ClusterView,
  { matcher, topologyKey }: SpreadConstraint,
  nodes: SpreadNodes,
): Int32Array {
  const domains = view.domains(topologyKey);
  const table = new Int32Array(domains.count).fill(noDomain);
  if (nodes.isEverywhere) {
    const counts = view.matching(matcher, topologyKey, false);
    for (let domain = 0; domain < table.length; domain += 1) {
      if (domains.nodesIn(domain) > 0) table[domain] = counts.of(domain);
    }
    return table;
  }
  const perNode = view.matching(matcher, nodeTopology, false);
  const { isCounted } = nodes;
  const { ofRow } = domains;
  for (let row = 0; row < view.size; row += 1) {
    const domain = ofRow[row] as number;
    if (isCounted[row] === 0 || domain < 0) continue;
    table[domain] = Math.max(0, table[domain] as number) + perNode.of(row);
  }
  return table;
}

export interface Least {
  /** The fewest pods in a domain; 0 when there are fewer domains than there should be. */
  readonly pods: number;
  /** Domains with nodes that count. */
  readonly domains: number;
}

export function leastOf(table: Int32Array, minDomains: number): Least {
  let pods = Number.MAX_SAFE_INTEGER;
  let domains = 0;
  for (const count of table) {
    if (count === noDomain) continue;
    domains += 1;
    if (count < pods) pods = count;
  }
  return { pods: domains < minDomains || domains === 0 ? 0 : pods, domains };
}
