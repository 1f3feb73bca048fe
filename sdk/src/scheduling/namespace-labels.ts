/** Labels of namespaces, as they were at one moment: what is counted by them must stay the same until it is counted anew. */
import type { ClusterObjects } from '../contracts/scheduler/index.ts';

type Labels = Readonly<Record<string, string>>;

function same(a: Labels, b: Labels): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

export class NamespaceLabels {
  #objects: ClusterObjects;
  readonly #seen = new Map<string, Labels>();

  constructor(objects: ClusterObjects) {
    this.#objects = objects;
  }

  of(namespace: string): Labels {
    let labels = this.#seen.get(namespace);
    if (labels === undefined) {
      labels = { ...this.#objects.namespaceLabels(namespace) };
      this.#seen.set(namespace, labels);
    }
    return labels;
  }

  /** Whether any namespace that was asked about has other labels now. */
  set(objects: ClusterObjects): boolean {
    this.#objects = objects;
    let differs = false;
    for (const [namespace, labels] of this.#seen) {
      const now = objects.namespaceLabels(namespace);
      if (same(labels, now)) continue;
      differs = true;
      this.#seen.delete(namespace);
    }
    return differs;
  }
}
