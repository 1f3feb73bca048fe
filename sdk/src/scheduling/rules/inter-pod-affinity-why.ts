/** What stands behind a refusal for affinity: the term, the domain that is nearest, and the pod that is missing or in the way. */
import { formatLabelSelector, fromLabelSelector, type LabelSelector } from '../../kube/index.ts';
import type { Explained, NodeBatch, PodInfo, Reason } from '../../contracts/scheduler/index.ts';
import type { ClusterView } from '../../contracts/scheduler/view.ts';
import type { AffinityState, CountedTerm } from './inter-pod-affinity.ts';
import { nearestRow } from './nearest.ts';
import { oneOf } from './words.ts';

interface TermSource {
  readonly labelSelector?: LabelSelector;
}

/** `app=web`; of the pod's own terms, in their order. */
function selectorTexts({ pod }: PodInfo, kind: 'podAffinity' | 'podAntiAffinity'): string[] {
  const source = pod.spec.affinity?.[kind]?.['requiredDuringSchedulingIgnoredDuringExecution'];
  return ((source ?? []) as readonly TermSource[]).map(({ labelSelector }) => {
    if (!labelSelector) return 'no pod';
    try {
      return formatLabelSelector(fromLabelSelector(labelSelector)) || 'every pod';
    } catch {
      return 'no pod';
    }
  });
}

/** Some pod of the row's domain; `isMeant` says which would do. */
function peerIn(view: ClusterView, { domains }: CountedTerm, row: number, isMeant: (pod: PodInfo) => boolean): string {
  const domain = domains.ofRow[row];
  for (let other = 0; other < view.size; other += 1) {
    if (domains.ofRow[other] !== domain) continue;
    const peer = view.podsOf(other).find(isMeant);
    if (peer !== undefined) return `${peer.namespace}/${peer.name}`;
  }
  return '';
}

interface Meeting {
  readonly at: number;
  readonly term: CountedTerm;
  readonly row: number;
  readonly peers: number;
}

/** The row where the fewest pods are in the way, and the first term that they are in the way of. */
function nearestMeeting(nodes: NodeBatch, terms: readonly CountedTerm[]): Meeting | undefined {
  const peersAt = ({ domains, counts }: CountedTerm, row: number): number => {
    const domain = domains.ofRow[row] ?? -1;
    return domain < 0 ? 0 : counts.of(domain);
  };
  const row = nearestRow(nodes, (row) => {
    const all = terms.reduce((sum, term) => sum + peersAt(term, row), 0);
    return all > 0 ? all : Number.POSITIVE_INFINITY;
  });
  if (row === undefined) return undefined;
  const at = terms.findIndex((term) => peersAt(term, row) > 0);
  const term = terms[at] as CountedTerm;
  return { at, term, row, peers: peersAt(term, row) };
}

function domainText({ term, domains }: CountedTerm, row: number): string {
  return `${term.topologyKey}=${domains.valueOf(domains.ofRow[row] ?? -1)}`;
}

function removal(peers: number, peer: string, domain: string): string {
  return peers === 1 ? `remove pod ${peer} from ${domain}` : `remove ${peers} pods, such as ${peer}, from ${domain}`;
}

function unwantedPods(pod: PodInfo, nodes: NodeBatch, { unwanted }: AffinityState): Explained {
  const meeting = nearestMeeting(nodes, unwanted);
  if (meeting === undefined) return { detail: {}, unblock: 'nothing any more' };
  const { at, term, row, peers } = meeting;
  const { view } = nodes;
  const peer = peerIn(view, term, row, (other) => view.matches(term.term.matcher, other.class));
  const domain = domainText(term, row);
  const labelSelector = selectorTexts(pod, 'podAntiAffinity')[at];
  return {
    detail: { labelSelector, topologyKey: term.term.topologyKey, domain, node: view.names[row], peers, peer },
    unblock: removal(peers, peer, domain),
  };
}

function unwelcomingPods(nodes: NodeBatch, { unwelcoming }: AffinityState): Explained {
  const meeting = nearestMeeting(nodes, unwelcoming);
  if (meeting === undefined) return { detail: {}, unblock: 'nothing any more' };
  const { term, row, peers } = meeting;
  const { view } = nodes;
  const isOwner = (other: PodInfo): boolean =>
    other.class.requiredAntiAffinity.some(({ key }) => key === term.term.key);
  const peer = peerIn(view, term, row, isOwner);
  const domain = domainText(term, row);
  return {
    detail: { topologyKey: term.term.topologyKey, domain, node: view.names[row], peers, peer },
    unblock: removal(peers, peer, domain),
  };
}

/** Domains where the wanted pods are, three at most. */
function domainsWith({ domains, counts }: CountedTerm): string[] {
  const values: string[] = [];
  for (let domain = 0; domain < domains.count && values.length < 3; domain += 1) {
    if (counts.of(domain) > 0) values.push(domains.valueOf(domain));
  }
  return values;
}

function missingPods(pod: PodInfo, { rows, count, view }: NodeBatch, { wanted }: AffinityState): Explained {
  const selectors = selectorTexts(pod, 'podAffinity');
  const isUnmet = ({ domains, counts }: CountedTerm): boolean => {
    for (let at = 0; at < count; at += 1) {
      const domain = domains.ofRow[rows[at] as number] ?? -1;
      if (domain < 0 || counts.of(domain) === 0) return true;
    }
    return false;
  };
  const at = Math.max(0, wanted.findIndex(isUnmet));
  const term = wanted[at];
  if (term === undefined) return { detail: {}, unblock: 'nothing any more' };
  const { topologyKey } = term.term;
  const labelSelector = selectors[at] ?? '';
  const found = domainsWith(term);
  const unlabelled = rows.subarray(0, count).filter((row) => (term.domains.ofRow[row] ?? -1) < 0).length;
  const detail = {
    labelSelector,
    topologyKey,
    peers: term.counts.inDomains,
    domains: found,
    nodesWithoutLabel: unlabelled,
  };
  const name = view.names[rows[0] ?? 0] ?? '';
  const [first] = found;
  if (first !== undefined) return { detail, unblock: `make room in ${topologyKey}=${first}, where such pods are` };
  if (unlabelled === count) return { detail, unblock: `add label ${topologyKey} to ${oneOf(count, name)}` };
  const terms = selectors.length > 1 ? selectors.join(' and ') : labelSelector;
  return { detail, unblock: `place a pod that matches ${terms} on ${oneOf(count, name)}` };
}

export function explainAffinity(pod: PodInfo, nodes: NodeBatch, reason: Reason, of: unknown): Explained {
  const state = of as AffinityState;
  if (reason.code === 'pod-anti-affinity') return unwantedPods(pod, nodes, state);
  if (reason.code === 'existing-pod-anti-affinity') return unwelcomingPods(nodes, state);
  return missingPods(pod, nodes, state);
}
