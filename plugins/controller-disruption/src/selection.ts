/** Which pods a budget selects, and which changes of a pod its status shows. */
import { findCondition, isPodReady, jsonEqual } from '@timonel/sdk/controller';
import {
  disruptionTarget,
  fromLabelSelector,
  matchesSelector,
  type Pod,
  type PodDisruptionBudget,
  type Selector,
} from '@timonel/sdk/kube';

const nothing = Symbol('selects nothing');

/** Parsed once for each state of a budget: each change of a pod is matched with all budgets of its namespace. */
export class Selectors {
  readonly #parsed = new WeakMap<PodDisruptionBudget, Selector | typeof nothing>();

  selects(budget: PodDisruptionBudget, labels: Readonly<Record<string, string>> | undefined): boolean {
    const selector = this.#of(budget);
    return selector !== nothing && matchesSelector(selector, labels);
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
