/** Filters and scores as functions of one node, for authors who need no batches. */
import type { Node } from '../../kube/index.ts';
import type { ClusterView, PodInfo, Reason, SchedulingPlugin, Scope } from '../../contracts/scheduler/index.ts';

/** A node as a function of one node sees it. It is used again for the next: keep nothing of it. */
export interface NodeView {
  readonly name: string;
  readonly node: Node;
  readonly labels: Readonly<Record<string, string>>;
  readonly pods: readonly PodInfo[];
  /** In mCPU for `cpu`, bytes for memory and ephemeral-storage, whole units otherwise. */
  allocatable(resource: string): number;
  requested(resource: string): number;
  /** Negative when more was promised than there is. */
  free(resource: string): number;
}

const noLabels: Readonly<Record<string, string>> = Object.freeze({});

class MovingView implements NodeView {
  readonly #view: ClusterView;
  row = -1;

  constructor(view: ClusterView) {
    this.#view = view;
  }

  get name(): string {
    return this.#view.names[this.row] ?? '';
  }

  get node(): Node {
    return this.#view.nodes[this.row] as Node;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.node.metadata.labels ?? noLabels;
  }

  get pods(): readonly PodInfo[] {
    return this.#view.podsOf(this.row);
  }

  allocatable(resource: string): number {
    return this.#view.allocatable(resource)[this.row] ?? 0;
  }

  requested(resource: string): number {
    return this.#view.requested(resource)[this.row] ?? 0;
  }

  free(resource: string): number {
    return this.allocatable(resource) - this.requested(resource);
  }
}

const reasonsLimit = 1000;

/** Reasons for texts, made once each. */
class TextReasons {
  readonly #code: string;
  readonly #reasons = new Map<string, Reason>();

  constructor(name: string) {
    this.#code = name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, '-').toLowerCase();
  }

  of(text: string): Reason {
    let reason = this.#reasons.get(text);
    if (reason === undefined) {
      if (this.#reasons.size >= reasonsLimit) this.#reasons.clear();
      reason = Object.freeze({ code: this.#code, text, resolvable: true });
      this.#reasons.set(text, reason);
    }
    return reason;
  }
}

export interface PerNodeFilterOptions {
  /** `cluster`: the answer depends on more than the node, its pods and what pods of one template have in common. Default: `row`. */
  readonly scope?: Scope;
}

/**
 * A filter that asks `refuse` about each node: undefined lets the node pass; a text is a reason that the removal of pods from the node could
 * mend.
 */
export function perNodeFilter(
  name: string,
  refuse: (pod: PodInfo, node: NodeView) => undefined | string | Reason,
  { scope = 'row' }: PerNodeFilterOptions = {},
): SchedulingPlugin {
  const reasons = new TextReasons(name);
  return {
    name,
    filterScope: scope,
    filter: (pod, { rows, count, view }, verdicts) => {
      const node = new MovingView(view);
      for (let at = 0; at < count; at += 1) {
        node.row = rows[at] as number;
        const refusal = refuse(pod, node);
        if (refusal === undefined) continue;
        verdicts.reject(node.row, typeof refusal === 'string' ? reasons.of(refusal) : refusal);
      }
    },
  };
}

export interface PerNodeScoreOptions extends Pick<SchedulingPlugin, 'weight' | 'normalize'> {
  /** `cluster`: as with filters. Default: `row`. */
  readonly scope?: Scope;
}

/** A score that asks `score` about each node: 0 … 100, or any number with `normalize`. */
export function perNodeScore(
  name: string,
  score: (pod: PodInfo, node: NodeView) => number,
  { scope = 'row', ...options }: PerNodeScoreOptions = {},
): SchedulingPlugin {
  return {
    name,
    ...options,
    scoreScope: scope,
    score: (pod, { rows, count, view }, scores) => {
      const node = new MovingView(view);
      for (let at = 0; at < count; at += 1) {
        node.row = rows[at] as number;
        scores[node.row] = score(pod, node);
      }
    },
  };
}
