/**
 * DefaultPreemption: the node on which the least important pods must go so that the pod fits.
 * Source: Kubernetes, "Pod Priority and Preemption", and the order of criteria of kube-scheduler's plugin of this name.
 */
import { matchesSelector, fromLabelSelector, type LabelSelector } from '../../kube/index.ts';
import type {
  NodeTrial,
  PodInfo,
  PostFilterContext,
  PostFilterResult,
  SchedulingPlugin,
  Victim,
} from '../../contracts/scheduler/index.ts';
import { placeOf } from '../ranking.ts';

export interface DefaultPreemptionConfig {
  /** Share of the nodes that are tried, in percent. Default: 10. */
  readonly minCandidateNodesPercentage?: number;
  /** Nodes that are tried at least. Default: 100. */
  readonly minCandidateNodesAbsolute?: number;
}

interface Budget {
  readonly namespace: string;
  readonly selector: (labels: Readonly<Record<string, string>>) => boolean;
  readonly allowed: number;
}

/** What it would take to make room on a node. */
interface Candidate {
  readonly row: number;
  readonly victims: readonly PodInfo[];
  readonly violations: number;
  readonly highest: number;
  readonly sum: number;
  /** RFC 3339: when the first of the most important victims began. */
  readonly earliestStart: string;
}

interface Remembered {
  readonly version: number;
  readonly candidate: Candidate | undefined;
}

/** Candidates of pods of one kind by row, as long as nothing but rows matters. */
interface Memory {
  readonly objects: number;
  readonly byRow: Map<number, Remembered>;
}

const memoryLimit = 8;
/** So that more victims always sum up to more, also with negative priorities. */
const priorityOffset = 2 ** 31;

function selectorOf(selector: LabelSelector | undefined): Budget['selector'] {
  if (selector === undefined) return () => false;
  const parsed = fromLabelSelector(selector);
  return (labels) => matchesSelector(parsed, labels);
}

function budgetsOf({ view }: PostFilterContext): Budget[] {
  return [...view.objects.podDisruptionBudgets()].map((object) => {
    const { metadata, spec, status } = object as typeof object & {
      spec?: { selector?: LabelSelector };
      status?: { disruptionsAllowed?: number };
    };
    return {
      namespace: metadata.namespace ?? '',
      selector: selectorOf(spec?.selector),
      allowed: status?.disruptionsAllowed ?? 0,
    };
  });
}

const startOf = ({ pod }: PodInfo): string => pod.status?.startTime ?? pod.metadata.creationTimestamp ?? '';

/** The most important first. */
function byImportance(a: PodInfo, b: PodInfo): number {
  const [startA, startB] = [startOf(a), startOf(b)];
  return b.class.priority - a.class.priority || (startA < startB ? -1 : startA > startB ? 1 : 0);
}

/** Splits pods into those whose removal breaks a budget, and the others. */
function byBudget(pods: readonly PodInfo[], budgets: readonly Budget[]): { violating: PodInfo[]; others: PodInfo[] } {
  const left = budgets.map(({ allowed }) => allowed);
  const violating: PodInfo[] = [];
  const others: PodInfo[] = [];
  for (const pod of pods) {
    let breaks = false;
    for (const [at, { namespace, selector }] of budgets.entries()) {
      if (namespace !== pod.namespace || !selector(pod.class.labels)) continue;
      left[at] = (left[at] ?? 0) - 1;
      breaks ||= (left[at] ?? 0) < 0;
    }
    (breaks ? violating : others).push(pod);
  }
  return { violating, others };
}

/** Puts back whoever may stay, the most important first. Returns those that cannot. */
function reprieve(pods: readonly PodInfo[], trial: NodeTrial): PodInfo[] {
  return pods.filter((pod) => {
    trial.add(pod);
    if (trial.fits()) return false;
    trial.remove(pod);
    return true;
  });
}

function candidateOn(
  row: number,
  pod: PodInfo,
  context: PostFilterContext,
  budgets: readonly Budget[],
): Candidate | undefined {
  const lower = context.view.podsOf(row).filter((other) => other.class.priority < pod.class.priority);
  if (lower.length === 0) return undefined;
  const found = context.trial(row, (trial) => {
    for (const other of lower) trial.remove(other);
    if (!trial.fits()) return undefined;
    const { violating, others } = byBudget(lower.toSorted(byImportance), budgets);
    const broken = reprieve(violating, trial);
    return { victims: [...broken, ...reprieve(others, trial)], violations: broken.length };
  });
  if (found === undefined || found.victims.length === 0) return undefined;
  const victims = found.victims.toSorted(byImportance);
  const highest = victims[0]?.class.priority ?? 0;
  const sum = victims.reduce((total, { class: { priority } }) => total + priority + priorityOffset, 0);
  const earliestStart = startOf(victims.find(({ class: { priority } }) => priority === highest) ?? pod);
  return { row, victims, violations: found.violations, highest, sum, earliestStart };
}

/** Negative when the first is better: fewer broken budgets, less important victims, fewer, later started. */
function better(a: Candidate, b: Candidate): number {
  return (
    a.violations - b.violations ||
    a.highest - b.highest ||
    a.sum - b.sum ||
    a.victims.length - b.victims.length ||
    (a.earliestStart > b.earliestStart ? -1 : a.earliestStart < b.earliestStart ? 1 : 0)
  );
}

function waitsForVictims(pod: PodInfo, { view }: PostFilterContext): boolean {
  const nominated = pod.pod.status?.['nominatedNodeName'];
  const row = typeof nominated === 'string' ? view.rowOf(nominated) : undefined;
  if (row === undefined) return false;
  return view
    .podsOf(row)
    .some(
      ({ uid, pod: other, class: { priority } }) =>
        uid !== pod.uid && other.metadata.deletionTimestamp !== undefined && priority < pod.class.priority,
    );
}

/** `tried`: nodes on which pods could have gone. */
function inVain(nodeCount: number, tried: number): string {
  const reasons = [
    [tried, 'No preemption victims found for incoming pod'],
    [nodeCount - tried, 'Preemption is not helpful for scheduling'],
  ].flatMap(([count, why]) => (count === 0 ? [] : `${count} ${why}`));
  return `0/${nodeCount} nodes are available: ${reasons.toSorted().join(', ')}.`;
}

class Preemption {
  readonly #share: number;
  readonly #least: number;
  readonly #memories = new Map<string, Memory>();

  constructor({ minCandidateNodesPercentage = 10, minCandidateNodesAbsolute = 100 }: DefaultPreemptionConfig) {
    this.#share = minCandidateNodesPercentage / 100;
    this.#least = minCandidateNodesAbsolute;
  }

  run(pod: PodInfo, context: PostFilterContext): PostFilterResult {
    if (pod.class.neverPreempts) return { outcome: 'nothing', why: 'not eligible due to preemptionPolicy=Never.' };
    if (waitsForVictims(pod, context)) {
      return { outcome: 'nothing', why: 'not eligible due to a terminating pod on the nominated node.' };
    }
    const { resolvableRows: rows, view } = context;
    if (rows.length === 0) return { outcome: 'nothing', why: inVain(view.nodeCount, 0) };
    const best = this.#best(pod, context, Math.max(this.#least, Math.ceil(view.nodeCount * this.#share)));
    if (best === undefined) return { outcome: 'nothing', why: inVain(view.nodeCount, rows.length) };
    const victims = best.victims.map(({ namespace, name, uid, class: { priority } }): Victim => ({
      namespace,
      name,
      uid,
      priority,
    }));
    return { outcome: 'preempt', row: best.row, victims };
  }

  #best(pod: PodInfo, context: PostFilterContext, limit: number): Candidate | undefined {
    const budgets = budgetsOf(context);
    const memory = this.#memoryOf(pod, context);
    const { resolvableRows: rows } = context;
    const start = placeOf(pod.uid, rows.length);
    let best: Candidate | undefined;
    for (let step = 0, found = 0; step < rows.length && found < limit; step += 1) {
      const row = rows[(start + step) % rows.length] as number;
      const candidate = this.#candidate(row, pod, context, budgets, memory);
      if (candidate === undefined) continue;
      found += 1;
      if (best === undefined || better(candidate, best) < 0) best = candidate;
    }
    return best;
  }

  #candidate(
    row: number,
    pod: PodInfo,
    context: PostFilterContext,
    budgets: readonly Budget[],
    memory: Memory | undefined,
  ): Candidate | undefined {
    const version = context.rowVersion(row);
    const known = memory?.byRow.get(row);
    if (known?.version === version) return known.candidate;
    const candidate = candidateOn(row, pod, context, budgets);
    memory?.byRow.set(row, { version, candidate });
    return candidate;
  }

  /** What was found for pods like this one holds for rows that have not changed, when verdicts look at rows alone. */
  #memoryOf({ class: { rowKey } }: PodInfo, { rowsAlone, view }: PostFilterContext): Memory | undefined {
    if (!rowsAlone) return undefined;
    const known = this.#memories.get(rowKey);
    if (known?.objects === view.objects.generation) return known;
    const made: Memory = { objects: view.objects.generation, byRow: new Map() };
    this.#memories.delete(rowKey);
    this.#memories.set(rowKey, made);
    for (const oldest of this.#memories.keys()) {
      if (this.#memories.size <= memoryLimit) break;
      this.#memories.delete(oldest);
    }
    return made;
  }
}

export function defaultPreemption(config: DefaultPreemptionConfig = {}): SchedulingPlugin {
  const preemption = new Preemption(config);
  return { name: 'DefaultPreemption', postFilter: (pod, context) => preemption.run(pod, context) };
}
