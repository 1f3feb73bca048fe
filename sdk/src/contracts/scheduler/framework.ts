/**
 * A scheduler out of rules: filters say which nodes can take a pod, scores say which of those is best. Rules see all nodes at
 * once, in columns. Every rule is a pure function of its arguments.
 */
import { invariant } from '../../kernel/index.ts';
import type { Pod } from '../../kube/index.ts';
import type { Decision, NodeRejection, NodeTable, PendingPod, Scheduler, SchedulerSnapshot } from './index.ts';

/** The nodes as they are after the decisions made so far in this batch. */
export interface WorkingNodes {
  readonly table: NodeTable;
  readonly requestedMilliCpu: Float64Array;
  readonly requestedMemoryBytes: Float64Array;
  readonly podCount: Float64Array;
  /** Pods of the node and those that this batch has put there. */
  podsOf(index: number): readonly Pod[];
}

/** Which nodes are still in the race. Rules of one scheduler run in order and skip the nodes that are out. */
export interface Candidates {
  readonly count: number;
  isIn(index: number): boolean;
  /** Takes a node out. `reason` as the PodScheduled condition words it: `Insufficient cpu`. */
  reject(index: number, reason: string): void;
}

export interface FilterRule {
  /** As the Kubernetes scheduler names its plugins: `NodeResourcesFit`. */
  readonly name: string;
  filter(pending: PendingPod, nodes: WorkingNodes, candidates: Candidates): void;
}

export interface ScoreRule {
  readonly name: string;
  readonly weight: number;
  /** Writes 0 … 100 for every node that `candidates` holds; `scores` is 0 everywhere at the start. */
  score(pending: PendingPod, nodes: WorkingNodes, candidates: Candidates, scores: Float64Array): void;
}

export interface RuleSchedulerOptions {
  readonly filters: readonly FilterRule[];
  readonly scores: readonly ScoreRule[];
}

class CandidateSet implements Candidates {
  readonly #out: Uint8Array;
  readonly #rejections = new Map<string, { rule: string; reason: string; nodeCount: number }>();
  #rule = '';
  #left: number;

  constructor(size: number) {
    this.#out = new Uint8Array(size);
    this.#left = size;
  }

  get count(): number {
    return this.#left;
  }

  begin(rule: string): void {
    this.#rule = rule;
  }

  isIn(index: number): boolean {
    return this.#out[index] === 0;
  }

  reject(index: number, reason: string): void {
    if (this.#out[index] !== 0) return;
    this.#out[index] = 1;
    this.#left -= 1;
    const key = `${this.#rule}\0${reason}`;
    const known = this.#rejections.get(key);
    if (known === undefined) this.#rejections.set(key, { rule: this.#rule, reason, nodeCount: 1 });
    else known.nodeCount += 1;
  }

  rejections(): readonly NodeRejection[] {
    return [...this.#rejections.values()].sort((a, b) => b.nodeCount - a.nodeCount || (a.reason < b.reason ? -1 : 1));
  }
}

class Working implements WorkingNodes {
  readonly table: NodeTable;
  readonly requestedMilliCpu: Float64Array;
  readonly requestedMemoryBytes: Float64Array;
  readonly podCount: Float64Array;
  readonly #added = new Map<number, Pod[]>();

  constructor(table: NodeTable) {
    this.table = table;
    this.requestedMilliCpu = table.requestedMilliCpu.slice();
    this.requestedMemoryBytes = table.requestedMemoryBytes.slice();
    this.podCount = table.podCount.slice();
  }

  podsOf(index: number): readonly Pod[] {
    const own = this.table.pods[index] ?? [];
    const added = this.#added.get(index);
    return added === undefined ? own : [...own, ...added];
  }

  assume(index: number, pending: PendingPod): void {
    this.requestedMilliCpu[index] = (this.requestedMilliCpu[index] ?? 0) + pending.request.milliCpu;
    this.requestedMemoryBytes[index] = (this.requestedMemoryBytes[index] ?? 0) + pending.request.memoryBytes;
    this.podCount[index] = (this.podCount[index] ?? 0) + 1;
    const added = this.#added.get(index);
    if (added === undefined) this.#added.set(index, [pending.pod]);
    else added.push(pending.pod);
  }
}

/**
 * The best candidate. Among equals the search begins at another node each time, so that equal nodes share the pods.
 */
function best(candidates: Candidates, totals: Float64Array, start: number): number {
  let found = -1;
  let top = -Infinity;
  for (let step = 0; step < totals.length; step += 1) {
    const index = (start + step) % totals.length;
    const total = totals[index] ?? 0;
    if (candidates.isIn(index) && total > top) {
      found = index;
      top = total;
    }
  }
  return found;
}

function decideOne(pending: PendingPod, nodes: Working, options: RuleSchedulerOptions, start: number): Decision {
  const podUid = pending.pod.metadata.uid ?? '';
  const { table } = nodes;
  const candidates = new CandidateSet(table.count);
  for (const rule of options.filters) {
    if (candidates.count === 0) break;
    candidates.begin(rule.name);
    rule.filter(pending, nodes, candidates);
  }
  if (candidates.count === 0) return { outcome: 'unschedulable', podUid, rejections: candidates.rejections() };
  const totals = new Float64Array(table.count);
  const scores = new Float64Array(table.count);
  for (const rule of options.scores) {
    scores.fill(0);
    rule.score(pending, nodes, candidates, scores);
    for (let index = 0; index < totals.length; index += 1) {
      totals[index] = (totals[index] ?? 0) + rule.weight * (scores[index] ?? 0);
    }
  }
  const index = best(candidates, totals, start % table.count);
  invariant(index >= 0, 'a scheduler with candidates found none: a score is not a number');
  nodes.assume(index, pending);
  return { outcome: 'bind', podUid, nodeName: table.names[index] ?? '', score: totals[index] ?? 0 };
}

/** Makes a {@link Scheduler} from rules. It keeps nothing between calls but where the search for equals begins. */
export function ruleScheduler(options: RuleSchedulerOptions): Scheduler {
  let start = 0;
  return {
    decide: (pods: readonly PendingPod[], snapshot: SchedulerSnapshot): Promise<readonly Decision[]> => {
      const nodes = new Working(snapshot.table);
      const decisions = pods.map((pending) => {
        start += 1;
        return decideOne(pending, nodes, options, start);
      });
      return Promise.resolve(decisions);
    },
  };
}
