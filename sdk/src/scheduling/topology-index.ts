/**
 * Nodes by the values of their labels, and pods counted by such values: what rules about more than one node need. Everything is built when
 * it is first asked for, and kept up to date pod by pod from then on.
 */
import {
  nodeTopology,
  type ClusterObjects,
  type DomainCounts,
  type PlacedTerm,
  type PlacedTermKind,
  type PodClass,
  type PodInfo,
  type PodMatcher,
  type PodTerm,
  type TopologyDomains,
} from '../contracts/scheduler/index.ts';
import type { Node } from '../kube/index.ts';
import { DomainCounter } from './domain-counter.ts';
import { MatcherIndex } from './matcher-index.ts';
import { NamespaceLabels } from './namespace-labels.ts';
import { PlacedByLabel } from './placed-by-label.ts';
import { LabelDomains, RowDomains, type IndexedDomains } from './topology-domains.ts';

/** Of more the quarter that was not asked for the longest time is forgotten, and counted anew when somebody asks. */
const matchingsLimit = 2048;
/** Of more those are forgotten by which nothing is counted. */
const topologiesLimit = 256;
/** So many terms may be kept that no pod has any more. */
const ownerlessLimit = 256;

interface Matching {
  readonly key: string;
  readonly matcher: PodMatcher;
  /** Pods that are being deleted count. */
  readonly leaving: boolean;
  readonly domains: IndexedDomains;
  readonly counts: DomainCounter;
}

class Placed implements PlacedTerm {
  readonly term: PodTerm;
  readonly weight: number;
  readonly domains: IndexedDomains;
  readonly owners: DomainCounter = new DomainCounter();

  constructor(term: PodTerm, weight: number, domains: IndexedDomains) {
    this.term = term;
    this.weight = weight;
    this.domains = domains;
  }
}

/** The pods that there are, for what is counted from now on. */
export interface PlacedPods {
  readonly size: number;
  readonly nodes: readonly (Node | undefined)[];
  podsOf(row: number): readonly PodInfo[];
}

const placedKinds: readonly PlacedTermKind[] = ['required-affinity', 'required-anti-affinity', 'preferred'];

function isLeaving({ pod }: PodInfo): boolean {
  return pod.metadata.deletionTimestamp !== undefined;
}

export class TopologyIndex {
  readonly #pods: PlacedPods;
  readonly #namespaces: NamespaceLabels;
  readonly #byLabel: PlacedByLabel;
  readonly #domains = new Map<string, IndexedDomains>();
  /** The least recently used first. */
  readonly #matchings = new Map<string, Matching>();
  readonly #counted: MatcherIndex<Matching>;
  /** By kind, then by weight and meaning. */
  readonly #placed: Readonly<Record<PlacedTermKind, Map<string, Placed>>>;
  readonly #placedTerms: Readonly<Record<PlacedTermKind, MatcherIndex<Placed>>>;

  constructor(pods: PlacedPods, objects: ClusterObjects) {
    this.#pods = pods;
    this.#byLabel = new PlacedByLabel(pods);
    this.#namespaces = new NamespaceLabels(objects);
    const labelsOf = (namespace: string): Readonly<Record<string, string>> => this.#namespaces.of(namespace);
    const terms = (): MatcherIndex<Placed> => new MatcherIndex(({ term }) => term.matcher, labelsOf);
    this.#counted = new MatcherIndex(({ matcher }) => matcher, labelsOf);
    this.#placed = { 'required-affinity': new Map(), 'required-anti-affinity': new Map(), preferred: new Map() };
    this.#placedTerms = { 'required-affinity': terms(), 'required-anti-affinity': terms(), preferred: terms() };
  }

  /** Labels of namespaces may have changed. */
  setObjects(objects: ClusterObjects): void {
    if (!this.#namespaces.set(objects)) return;
    for (const [key, { matcher }] of this.#matchings) if (matcher.byNamespaceLabels) this.#matchings.delete(key);
    this.#retainMatchings();
    for (const kind of placedKinds) this.#placedTerms[kind].forget();
  }

  /** Forgets what is not in use. What was asked for before must be asked for again. */
  sweep(): void {
    if (this.#matchings.size > matchingsLimit) {
      let surplus = this.#matchings.size - matchingsLimit * 0.75;
      for (const key of this.#matchings.keys()) {
        if (surplus <= 0) break;
        surplus -= 1;
        this.#matchings.delete(key);
      }
      this.#retainMatchings();
    }
    for (const kind of placedKinds) this.#sweepPlaced(kind);
    if (this.#domains.size > topologiesLimit) this.#sweepDomains();
  }

  domains(topologyKey: string): TopologyDomains {
    return this.#domainsOf(topologyKey);
  }

  matching(matcher: PodMatcher, topologyKey: string, leaving: boolean): DomainCounts {
    const key = `${leaving ? '' : '-'}${topologyKey} ${matcher.key}`;
    const known = this.#matchings.get(key);
    if (known !== undefined) {
      this.#matchings.delete(key);
      this.#matchings.set(key, known);
      return known.counts;
    }
    const domains = this.#domainsOf(topologyKey);
    const made: Matching = { key, matcher, leaving, domains, counts: new DomainCounter() };
    this.#countAll(made);
    this.#matchings.set(key, made);
    this.#counted.add(made);
    return made.counts;
  }

  *placedTerms(kind: PlacedTermKind): Iterable<PlacedTerm> {
    for (const placed of this.#placed[kind].values()) if (placed.owners.total > 0) yield placed;
  }

  placedTermsAbout(kind: PlacedTermKind, pod: PodClass): readonly PlacedTerm[] {
    return this.#placedTerms[kind].meaning(pod);
  }

  matches(matcher: PodMatcher, pod: PodClass): boolean {
    return matcher.matches(pod, this.#namespaces.of(pod.namespace));
  }

  /** Whether the node has other domains than it had. */
  moves(row: number, node: Node): boolean {
    for (const domains of this.#domains.values()) if (domains.moves(row, node)) return true;
    return false;
  }

  /** Room for so many rows. */
  reserve(rows: number): void {
    for (const domains of this.#domains.values()) domains.reserve(rows);
  }

  /** No pod of the row may be counted while its node changes. */
  setNode(row: number, node: Node | undefined): void {
    for (const domains of this.#domains.values()) domains.set(row, node);
  }

  /** `change`: 1 for a pod that comes, -1 for one that goes. */
  count(row: number, pod: PodInfo, change: 1 | -1): void {
    this.#byLabel.count(row, pod, change);
    for (const { leaving, domains, counts } of this.#counted.meaning(pod.class)) {
      if (leaving || !isLeaving(pod)) counts.add(domains.ofRow[row] ?? -1, change);
    }
    const { requiredAffinity, requiredAntiAffinity, preferredAffinity, preferredAntiAffinity } = pod.class;
    for (const term of requiredAffinity) this.#countOwner('required-affinity', term, 0, row, change);
    for (const term of requiredAntiAffinity) this.#countOwner('required-anti-affinity', term, 0, row, change);
    for (const term of preferredAffinity) this.#countOwner('preferred', term, term.weight, row, change);
    for (const term of preferredAntiAffinity) this.#countOwner('preferred', term, -term.weight, row, change);
  }

  #countOwner(kind: PlacedTermKind, term: PodTerm, weight: number, row: number, change: 1 | -1): void {
    const placed = this.#placed[kind];
    const key = weight === 0 ? term.key : `${weight} ${term.key}`;
    let entry = placed.get(key);
    if (entry === undefined) {
      entry = new Placed(term, weight, this.#domainsOf(term.topologyKey));
      placed.set(key, entry);
      this.#placedTerms[kind].add(entry);
    }
    entry.owners.add(entry.domains.ofRow[row] ?? -1, change);
  }

  #countAll({ matcher, leaving, domains, counts }: Matching): void {
    const answers = new Map<PodClass, boolean>();
    const { label } = matcher;
    for (const row of label === undefined ? this.#allRows() : this.#byLabel.rowsWith(label.key, label.value)) {
      for (const pod of this.#pods.podsOf(row)) {
        if (!leaving && isLeaving(pod)) continue;
        let isMeant = answers.get(pod.class);
        if (isMeant === undefined) {
          isMeant = this.matches(matcher, pod.class);
          answers.set(pod.class, isMeant);
        }
        if (isMeant) counts.add(domains.ofRow[row] ?? -1, 1);
      }
    }
  }

  *#allRows(): Iterable<number> {
    for (let row = 0; row < this.#pods.size; row += 1) yield row;
  }

  #retainMatchings(): void {
    this.#counted.retain((matching) => this.#matchings.get(matching.key) === matching);
  }

  #sweepPlaced(kind: PlacedTermKind): void {
    const placed = this.#placed[kind];
    let ownerless = 0;
    for (const { owners } of placed.values()) if (owners.total === 0) ownerless += 1;
    if (ownerless <= ownerlessLimit) return;
    for (const [key, { owners }] of placed) if (owners.total === 0) placed.delete(key);
    this.#placedTerms[kind].retain(({ owners }) => owners.total > 0);
  }

  #sweepDomains(): void {
    const used = new Set<IndexedDomains>();
    for (const { domains } of this.#matchings.values()) used.add(domains);
    for (const kind of placedKinds) for (const { domains } of this.#placed[kind].values()) used.add(domains);
    for (const [key, domains] of this.#domains) if (!used.has(domains)) this.#domains.delete(key);
  }

  #domainsOf(topologyKey: string): IndexedDomains {
    let domains = this.#domains.get(topologyKey);
    if (domains === undefined) {
      domains = topologyKey === nodeTopology ? new RowDomains() : new LabelDomains(topologyKey);
      domains.reserve(this.#pods.size);
      for (let row = 0; row < this.#pods.size; row += 1) domains.set(row, this.#pods.nodes[row]);
      this.#domains.set(topologyKey, domains);
    }
    return domains;
  }
}
