/** Which pods a budget selects, and which changes of a pod its status shows. */
import { byNamespace, findCondition, isPodReady, jsonEqual, type Informer } from '@timonel/sdk/controller';
import {
  disruptionTarget,
  fromLabelSelector,
  matchesSelector,
  type Pod,
  type PodDisruptionBudget,
  type Selector,
} from '@timonel/sdk/kube';

const nothing = Symbol('selects nothing');

const pairKey = (namespace: string, key: string, value: string): string => `${namespace}/${key}=${value}`;

/** The index of pods by namespace, and by each of their labels: a budget looks at few of the pods of a large namespace. */
export function labelKeys(pod: Pod): readonly string[] {
  const namespace = byNamespace(pod);
  const labels = Object.entries(pod.metadata.labels ?? {});
  return [namespace, ...labels.map(([key, value]) => pairKey(namespace, key, value))];
}

/** Parsed once for each state of a budget: each change of a pod is matched with all budgets of its namespace. */
export class Selectors {
  readonly #parsed = new WeakMap<PodDisruptionBudget, Selector | typeof nothing>();

  selects(budget: PodDisruptionBudget, labels: Readonly<Record<string, string>> | undefined): boolean {
    const selector = this.#of(budget);
    return selector !== nothing && matchesSelector(selector, labels);
  }

  /** `pods`: with the index `labels`, made by {@link labelKeys}. */
  podsOf(budget: PodDisruptionBudget, pods: Pick<Informer<Pod>, 'byIndex'>): readonly Pod[] {
    const selector = this.#of(budget);
    if (selector === nothing) return [];
    const namespace = byNamespace(budget);
    const keys = selector.flatMap(({ key, operator, values: [value, ...others] }) =>
      operator === 'In' && value !== undefined && others.length === 0 ? [pairKey(namespace, key, value)] : [],
    );
    const buckets = (keys.length === 0 ? [namespace] : keys).map((key) => pods.byIndex('labels', key));
    const fewest = buckets.reduce((least, bucket) => (bucket.length < least.length ? bucket : least));
    return fewest.filter(({ metadata }) => matchesSelector(selector, metadata.labels));
  }

  #of(budget: PodDisruptionBudget): Selector | typeof nothing {
    const found = this.#parsed.get(budget);
    if (found !== undefined) return found;
    const selector = budget.spec?.selector;
    const parsed = selector === undefined ? nothing : fromLabelSelector(selector);
    this.#parsed.set(budget, parsed);
    return parsed;
  }
}

const phaseOf = ({ status }: Pod): string | undefined => status?.phase;

/** Whether a budget or the pod itself has to be looked at after this change: what runs in it says its node all the time. */
export function countsAnew(before: Pod, after: Pod): boolean {
  const target = ({ status }: Pod): unknown => findCondition(status?.conditions, disruptionTarget);
  return (
    isPodReady(before) !== isPodReady(after) ||
    phaseOf(before) !== phaseOf(after) ||
    before.metadata.uid !== after.metadata.uid ||
    before.metadata.deletionTimestamp !== after.metadata.deletionTimestamp ||
    !jsonEqual(before.metadata.labels, after.metadata.labels) ||
    !jsonEqual(before.metadata.ownerReferences, after.metadata.ownerReferences) ||
    !jsonEqual(target(before), target(after))
  );
}
