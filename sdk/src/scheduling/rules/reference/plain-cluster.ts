/** What references look at: nodes with their pods, as the API has them. */
import type { LabelSelector, Node, Pod } from '../../../kube/index.ts';

export interface OccupiedNode {
  readonly node: Node;
  readonly pods: readonly Pod[];
}

export interface PlainCluster {
  readonly nodes: readonly OccupiedNode[];
  namespaceLabels(namespace: string): Readonly<Record<string, string>>;
}

export type LabelMap = ReadonlyMap<string, string>;

export const labelsOf = (object: { readonly metadata: { readonly labels?: Record<string, string> } }): LabelMap =>
  new Map(Object.entries(object.metadata.labels ?? {}));

/** metav1.LabelSelector, straight from its description. */
export function selects(selector: LabelSelector | null | undefined, labels: LabelMap): boolean {
  if (selector === null || selector === undefined) return false;
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => labels.get(key) === value);
  return (
    equal &&
    (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => {
      const value = labels.get(key);
      if (operator === 'In') return value !== undefined && values.includes(value);
      if (operator === 'NotIn') return value === undefined || !values.includes(value);
      return operator === 'Exists' ? value !== undefined : value === undefined;
    })
  );
}

/** The labels of these keys that the pod has, as a selector. */
export function likeness(pod: Pod, keys: readonly string[] | undefined, operator: 'In' | 'NotIn'): LabelSelector {
  const labels = labelsOf(pod);
  const present = (keys ?? []).filter((key) => labels.has(key));
  return { matchExpressions: present.map((key) => ({ key, operator, values: [labels.get(key) ?? ''] })) };
}
