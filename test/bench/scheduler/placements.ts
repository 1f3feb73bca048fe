/**
 * Whether pods lie where they may. A scheduler that pays no heed to a constraint is fast: its figures must not count. Only what
 * the workloads use is checked, by the plainest way: every node selector of `In`, label selectors of `matchLabels`.
 */
import type { Node, Pod } from '@timonel/sdk/kube';
import { podKey } from './cluster.ts';
import { Loads, type Utilisation } from './utilisation.ts';

type Labels = Readonly<Record<string, string>>;

interface Expression {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

interface Term {
  readonly topologyKey: string;
  readonly labelSelector?: { readonly matchLabels?: Labels };
  readonly namespaces?: readonly string[];
}

interface Spread {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly whenUnsatisfiable: string;
  readonly labelSelector?: { readonly matchLabels?: Labels };
}

interface Between {
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly Term[];
}

interface NodeTerm {
  readonly matchExpressions?: readonly Expression[];
  readonly matchFields?: readonly Expression[];
}

interface Constraints {
  readonly affinity?: {
    readonly nodeAffinity?: {
      readonly requiredDuringSchedulingIgnoredDuringExecution?: { readonly nodeSelectorTerms: readonly NodeTerm[] };
    };
    readonly podAffinity?: Between;
    readonly podAntiAffinity?: Between;
  };
  readonly topologySpreadConstraints?: readonly Spread[];
}

interface Placed {
  readonly pod: Pod;
  readonly nodeName: string;
}

const required = 'requiredDuringSchedulingIgnoredDuringExecution';
const constraintsOf = ({ spec }: Pod): Constraints => spec;
const hasLabels = (labels: Labels, wanted: Labels = {}): boolean =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value);

function isIn({ key, operator, values = [] }: Expression, labels: Labels): boolean {
  if (operator !== 'In') throw new Error(`placements of the operator ${operator} cannot be checked`);
  return values.includes(labels[key] ?? '');
}

const fits = ({ matchExpressions = [], matchFields = [] }: NodeTerm, name: string, labels: Labels): boolean =>
  matchExpressions.every((each) => isIn(each, labels)) &&
  matchFields.every((each) => isIn(each, { 'metadata.name': name }));

export class Placements {
  readonly #loads = new Loads();
  readonly #labels = new Map<string, Labels>();
  readonly #placed = new Map<string, Placed>();
  /** Counts of matching pods by domain, for each selector and topology. */
  readonly #counts = new Map<string, ReadonlyMap<string, number>>();

  get utilisation(): Utilisation {
    return this.#loads.summary();
  }

  addNode(node: Node): void {
    this.#loads.addNode(node);
    this.#labels.set(node.metadata.name ?? '', node.metadata.labels ?? {});
  }

  removeNode(name: string): void {
    this.#loads.removeNode(name);
    this.#labels.delete(name);
  }

  /** @throws Error when the node has no room */
  place(pod: Pod, nodeName: string): void {
    this.#loads.change(pod, nodeName, 1);
    this.#placed.set(podKey(pod), { pod, nodeName });
  }

  displace(key: string): void {
    const placed = this.#placed.get(key);
    if (placed === undefined) return;
    this.#placed.delete(key);
    this.#loads.change(placed.pod, placed.nodeName, -1);
  }

  /** @throws Error with the first pod that lies where it must not */
  check(): void {
    this.#counts.clear();
    for (const { pod, nodeName } of this.#placed.values()) {
      const labels = this.#labels.get(nodeName);
      const problem = labels === undefined ? undefined : this.#problemOf(pod, nodeName, labels);
      if (problem !== undefined) throw new Error(`${podKey(pod)} lies on ${nodeName} against its ${problem}`);
    }
  }

  #problemOf(pod: Pod, nodeName: string, labels: Labels): string | undefined {
    const { affinity, topologySpreadConstraints = [] } = constraintsOf(pod);
    const nodeTerms = affinity?.nodeAffinity?.[required]?.nodeSelectorTerms;
    if (!(nodeTerms?.some((term) => fits(term, nodeName, labels)) ?? true)) return 'node affinity';
    const own = (term: Term): number => (this.#matches(pod, term, pod.metadata.namespace ?? '') ? 1 : 0);
    const around = (term: Term): number => this.#countsOf(term, pod).get(labels[term.topologyKey] ?? '') ?? 0;
    if (affinity?.podAntiAffinity?.[required]?.some((term) => around(term) - own(term) > 0)) return 'anti-affinity';
    // The first of those that ask for their own kind may be alone, anywhere.
    const total = (term: Term): number => sumOf(this.#countsOf(term, pod));
    const isAlone = (term: Term): boolean => around(term) - own(term) === 0 && total(term) > own(term);
    if (affinity?.podAffinity?.[required]?.some(isAlone)) return 'affinity';
    const isSkewed = ({ maxSkew, ...term }: Spread): boolean => this.#skew(term, pod) > maxSkew;
    if (topologySpreadConstraints.some((each) => each.whenUnsatisfiable === 'DoNotSchedule' && isSkewed(each)))
      return 'spread constraint';
    return undefined;
  }

  #skew(term: Term, owner: Pod): number {
    const counts = this.#countsOf(term, owner);
    const domains = new Set([...this.#labels.values()].map((labels) => labels[term.topologyKey] ?? ''));
    domains.delete('');
    const numbers = [...domains].map((domain) => counts.get(domain) ?? 0);
    return Math.max(...numbers) - Math.min(...numbers);
  }

  #matches(pod: Pod, { labelSelector, namespaces }: Term, home: string): boolean {
    const { namespace = '', labels = {} } = pod.metadata;
    return (namespaces ?? [home]).includes(namespace) && hasLabels(labels, labelSelector?.matchLabels);
  }

  #countsOf(term: Term, owner: Pod): ReadonlyMap<string, number> {
    const home = owner.metadata.namespace ?? '';
    const key = JSON.stringify([term.topologyKey, term.labelSelector, term.namespaces ?? home]);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const counts = new Map<string, number>();
    for (const { pod, nodeName } of this.#placed.values()) {
      const domain = this.#labels.get(nodeName)?.[term.topologyKey];
      if (domain !== undefined && this.#matches(pod, term, home)) counts.set(domain, (counts.get(domain) ?? 0) + 1);
    }
    this.#counts.set(key, counts);
    return counts;
  }
}

const sumOf = (counts: ReadonlyMap<string, number>): number =>
  [...counts.values()].reduce((total, count) => total + count, 0);
