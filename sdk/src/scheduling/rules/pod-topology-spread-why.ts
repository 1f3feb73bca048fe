/** What stands behind a refusal for spreading: the constraint, the skew, and where the pod would have to go. */
import type { ClusterView, Explained, NodeBatch, PodInfo, Reason } from '../../contracts/scheduler/index.ts';
import type { Spread } from './pod-topology-spread.ts';
import { leastOf, noDomain, spreadCounts } from './spread-counts.ts';
import { oneOf } from './words.ts';

function domainOf(view: ClusterView, { constraint }: Spread, row: number): number {
  return view.domains(constraint.topologyKey).ofRow[row] ?? -1;
}

function missingLabel({ rows, count, view }: NodeBatch, spreads: readonly Spread[]): Explained {
  const row = rows[0] ?? 0;
  const missing = spreads.find((spread) => domainOf(view, spread, row) < 0);
  const topologyKey = missing?.constraint.topologyKey ?? '';
  const node = view.names[row] ?? '';
  return { detail: { topologyKey, node, nodes: count }, unblock: `add label ${topologyKey} to ${oneOf(count, node)}` };
}

interface Crowded {
  readonly spread: Spread;
  readonly row: number;
  readonly table: Int32Array;
  /** With the pod. */
  readonly skew: number;
}

/** The row and the constraint that are nearest to being kept. */
function nearest({ rows, count, view }: NodeBatch, spreads: readonly Spread[]): Crowded | undefined {
  let best: Crowded | undefined;
  for (const spread of spreads) {
    const { maxSkew, minDomains, selfMatch } = spread.constraint;
    const table = spreadCounts(view, spread.constraint, spread.nodes);
    const least = leastOf(table, minDomains).pods;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      const domain = domainOf(view, spread, row);
      if (domain < 0) continue;
      const skew = Math.max(0, table[domain] ?? 0) + (selfMatch ? 1 : 0) - least;
      if (skew <= maxSkew) continue;
      const excess = skew - maxSkew;
      if (best === undefined || excess < best.skew - best.spread.constraint.maxSkew)
        best = { spread, row, table, skew };
    }
  }
  return best;
}

/** Values of the domains with the fewest pods, three at most. */
function emptiest(view: ClusterView, { spread, table }: Crowded): { readonly values: string[]; readonly pods: number } {
  const pods = leastOf(table, 0).pods;
  const domains = view.domains(spread.constraint.topologyKey);
  const values: string[] = [];
  for (let domain = 0; domain < table.length && values.length < 3; domain += 1) {
    if (table[domain] !== noDomain && table[domain] === pods) values.push(domains.valueOf(domain));
  }
  return { values, pods };
}

export function explainSpread(_: PodInfo, nodes: NodeBatch, reason: Reason, state: unknown): Explained {
  const spreads = state as readonly Spread[];
  if (reason.code === 'topology-spread-label') return missingLabel(nodes, spreads);
  const { view } = nodes;
  const crowded = nearest(nodes, spreads);
  if (crowded === undefined) return { detail: {}, unblock: 'nothing any more' };
  const { spread, row, table, skew } = crowded;
  const { topologyKey, maxSkew, minDomains } = spread.constraint;
  const domain = view.domains(topologyKey).valueOf(domainOf(view, spread, row));
  const { values, pods } = emptiest(view, crowded);
  const { domains } = leastOf(table, minDomains);
  const detail = {
    topologyKey,
    domain,
    node: view.names[row],
    skew,
    maxSkew,
    leastPods: pods,
    leastDomains: values,
    domains,
    minDomains,
  };
  if (domains < minDomains) {
    const more = minDomains - domains;
    return { detail, unblock: `add nodes in ${more} more ${more === 1 ? 'domain' : 'domains'} of ${topologyKey}` };
  }
  const excess = skew - maxSkew;
  const gone = `remove ${excess} ${excess === 1 ? 'pod' : 'pods'} from ${topologyKey}=${domain}`;
  const isElsewhere = !values.includes(domain);
  return { detail, unblock: isElsewhere ? `make room in ${topologyKey}=${values[0]}, or ${gone}` : gone };
}
