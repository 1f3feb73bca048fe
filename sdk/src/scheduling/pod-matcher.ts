/** Which pods a term of affinity or a spread constraint means. */
import { fromLabelSelector, matchesSelector, type LabelSelector, type Selector } from '../kube/index.ts';
import type { PodMatcher } from '../contracts/scheduler/index.ts';

export interface MatcherSource {
  /** Absent: no pod. Empty: every pod of the namespaces. */
  readonly labelSelector: LabelSelector | undefined;
  readonly namespaces: readonly string[];
  /** Further namespaces, by their labels. */
  readonly namespaceSelector?: LabelSelector | undefined;
  /** Requirements beside the selector: from matchLabelKeys and mismatchLabelKeys. */
  readonly more?: Selector;
}

/** undefined: it has an operator that is unknown, and nothing can match it. */
function parsed(selector: LabelSelector | undefined): Selector | undefined {
  if (selector === undefined) return undefined;
  try {
    return fromLabelSelector(selector);
  } catch {
    return undefined;
  }
}

function byKey(a: { readonly key: string }, b: { readonly key: string }): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function textOf(selector: Selector | undefined): unknown {
  return selector === undefined
    ? null
    : selector.toSorted(byKey).map(({ key, operator, values }) => [key, operator, values.toSorted()]);
}

export function podMatcher({ labelSelector, namespaces, namespaceSelector, more = [] }: MatcherSource): PodMatcher {
  const own = parsed(labelSelector);
  const selector = own === undefined ? undefined : [...own, ...more];
  const inNamespaces = parsed(namespaceSelector);
  const names = new Set(namespaces);
  const key = JSON.stringify([textOf(selector), [...names].toSorted(), textOf(inNamespaces)]);
  const single = selector?.find(({ operator, values }) => operator === 'In' && values.length === 1);
  const [value] = single?.values ?? [];
  return Object.freeze({
    key,
    ...(single === undefined || value === undefined ? {} : { label: { key: single.key, value } }),
    byNamespaceLabels: inNamespaces !== undefined && inNamespaces.length > 0,
    matches: ({ namespace, labels }, namespaceLabels) =>
      selector !== undefined &&
      (names.has(namespace) || (inNamespaces !== undefined && matchesSelector(inNamespaces, namespaceLabels))) &&
      matchesSelector(selector, labels),
  } satisfies PodMatcher);
}
