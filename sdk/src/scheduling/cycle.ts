/** Decides about one pod: filters, scores, the best node; or why there is none. */
import type {
  Decision,
  NodeRejection,
  NodeScore,
  PodInfo,
  PreFilterResult,
  SchedulingPlugin,
  Status,
} from '../contracts/scheduler/index.ts';
import { EvaluationCache, type Evaluated } from './evaluation-cache.ts';
import { LazyBatch, Outcomes, ReusedBatch, runFilters, type ActiveFilter } from './filtering.ts';
import type { Profile } from './profile.ts';
import type { PluginGuard } from './plugin-guard.ts';
import { sampleSize } from './sampling.ts';
import { rank, placeOf } from './ranking.ts';
import { fits, Reasons } from './reasons.ts';
import { Refusals } from './refusals.ts';
import { out, type RowEvaluation } from './row-evaluation.ts';
import { activeScores, normalizeByFunction, ScoreColumn, type ActiveScore } from './score-column.ts';
import type { WorkingState } from './working-state.ts';

/** Filters of a pod after PreFilter; or the refusal that ends it. */
export interface PreFiltered {
  readonly active: readonly ActiveFilter[];
  /** Only these rows can do. undefined: all. */
  readonly rows: ReadonlySet<number> | undefined;
  /** Plugins that narrowed the rows. */
  readonly narrowedBy: readonly string[];
  readonly refusal: { readonly plugin: string; readonly status: Status } | undefined;
}

/** What was found out about a pod. */
export interface Findings {
  /** Candidates by row: totals, `out` for those that are none. */
  readonly totals: Float64Array;
  /** The highest of blocks of rows, where they are known. */
  readonly tops?: Float64Array;
  readonly fitting: number;
  readonly columns: readonly ScoreColumn[];
  rejections(): readonly NodeRejection[];
  /** Rows that were refused for this. */
  rowsOf(rejection: NodeRejection): Int32Array;
  /** Rows whose refusals could be resolved by the removal of pods. */
  resolvableRows(): Int32Array;
  readonly refusal: PreFiltered['refusal'];
}

const noColumns: readonly ScoreColumn[] = [];

export class Cycle {
  readonly state: WorkingState;
  readonly profile: Profile;
  readonly guard: PluginGuard;
  readonly reasons: Reasons = new Reasons();
  readonly #cache: EvaluationCache;
  readonly #batch: ReusedBatch;
  readonly #outcomes: Outcomes;
  readonly #trialOutcomes: Outcomes;
  /** Columns that are used again for the next pod. */
  readonly #raws: Float64Array[] = [];
  #totals = new Float64Array(64);
  #start = 0;

  constructor(state: WorkingState, profile: Profile, guard: PluginGuard) {
    this.state = state;
    this.profile = profile;
    this.guard = guard;
    this.#batch = new ReusedBatch(state);
    this.#outcomes = new Outcomes(this.reasons);
    this.#trialOutcomes = new Outcomes(this.reasons);
    this.#cache = new EvaluationCache({ state, reasons: this.reasons, guard, profile });
  }

  /** Where the pod could go, and what each node is worth. @throws PluginFault */
  find(pod: PodInfo): Findings {
    const evaluated = this.#cache.of(pod, () => this.#preFilter(this.profile.rowFilters, pod));
    if (evaluated.kind === 'refused') return this.#refused(evaluated.preFiltered.refusal);
    const cluster = this.#preFilter(this.profile.clusterFilters, pod);
    if (cluster.refusal !== undefined) return this.#refused(cluster.refusal);
    if (evaluated.kind === 'narrow' || cluster.rows !== undefined) return this.#narrow(pod, evaluated, cluster);
    const { evaluation } = evaluated;
    if (cluster.active.length === 0) {
      const scores = this.#clusterScores(pod, evaluation);
      if (scores.length === 0) return { ...found(evaluation, evaluation.totals), tops: evaluation.blockTops() };
      if (!this.#sampled()) return this.#scored(pod, evaluation, scores);
      this.#beginOutcomes();
      return this.#rescored(pod, evaluation);
    }
    evaluation.collect(this.#batch);
    this.#beginOutcomes();
    const refusal = this.#runClusterFilters(cluster.active, pod);
    if (refusal !== undefined) return this.#refused(refusal);
    this.#sampled();
    return this.#rescored(pod, evaluation);
  }

  /** Decides, and puts the pod on its node until the next sync. @throws PluginFault */
  decide(pod: PodInfo): { readonly decision: Decision; readonly findings: Findings } {
    const { size } = this.state;
    this.#start = placeOf(pod.uid, size);
    const findings = this.find(pod);
    const { first, second, third } = rank(findings.totals, size, this.#start, findings.tops);
    if (first < 0) {
      const rejections = findings.rejections();
      const message = findings.refusal?.status.reason;
      const decision: Decision = {
        outcome: 'unschedulable',
        podUid: pod.uid,
        rejections,
        ...(message === undefined ? {} : { message }),
      };
      return { decision, findings };
    }
    const scores = [first, second, third].filter((row) => row >= 0).map((row) => this.scoreOf(row, findings));
    this.state.add(first, pod);
    const nodeName = this.state.names[first] ?? '';
    return {
      decision: { outcome: 'bind', podUid: pod.uid, nodeName, scores, feasibleNodes: findings.fitting },
      findings,
    };
  }

  /** Asks all filters about single rows, of which pods may be missing. @throws PluginFault */
  rowCheck(pod: PodInfo): { readonly rowsAlone: boolean; fits(row: number): boolean } {
    const ofRows = this.#preFilter(this.profile.rowFilters, pod);
    const rowsAlone = this.#preFilter(this.profile.clusterFilters, pod).active.length === 0;
    const outcomes = this.#trialOutcomes;
    outcomes.reserve(this.state.size, fits);
    const passes = ({ active, rows, refusal }: PreFiltered, row: number): boolean => {
      if (refusal !== undefined || rows?.has(row) === false) return false;
      this.#batch.clear();
      this.#batch.add(row);
      runFilters(active, pod, this.#batch, outcomes, this.guard);
      const passed = this.#batch.count === 1;
      outcomes.why[row] = fits;
      return passed;
    };
    return {
      rowsAlone,
      fits: (row) =>
        passes(ofRows, row) && (rowsAlone || passes(this.#preFilter(this.profile.clusterFilters, pod), row)),
    };
  }

  /** What PreFilter of the plugin leaves for its other methods. @throws PluginFault */
  stateOf(plugin: SchedulingPlugin, pod: PodInfo): unknown {
    return this.guard.call(plugin.name, () => plugin.preFilter?.(pod, this.state))?.state;
  }

  scoreOf(row: number, { totals, columns }: Findings): NodeScore {
    const scores: Record<string, number> = {};
    for (const column of columns) scores[column.score.plugin.name] = column.shown(row);
    return { nodeName: this.state.names[row] ?? '', total: totals[row] ?? 0, scores };
  }

  #preFilter(plugins: readonly SchedulingPlugin[], pod: PodInfo): PreFiltered {
    const active: ActiveFilter[] = [];
    const narrowedBy: string[] = [];
    let rows: ReadonlySet<number> | undefined;
    for (const plugin of plugins) {
      if (this.guard.isOut(plugin.name)) continue;
      const result: PreFilterResult | undefined =
        plugin.preFilter === undefined
          ? undefined
          : this.guard.call(plugin.name, () => plugin.preFilter?.(pod, this.state));
      const code = result?.status.code ?? 'success';
      if (result?.nodeNames !== undefined) {
        const named = new Set(result.nodeNames.flatMap((name) => this.state.rowOf(name) ?? []));
        rows = rows === undefined ? named : new Set([...named].filter((row) => rows?.has(row)));
        narrowedBy.push(plugin.name);
      }
      if (code === 'skip') continue;
      if (code !== 'success') {
        return { active, rows, narrowedBy, refusal: { plugin: plugin.name, status: result?.status ?? { code } } };
      }
      if (plugin.filter !== undefined) active.push({ plugin, state: result?.state });
    }
    return { active, rows, narrowedBy, refusal: undefined };
  }

  #refused(refusal: PreFiltered['refusal']): Findings {
    const { nodeCount } = this.state;
    const { plugin = '', status } = refusal ?? {};
    const rejection: NodeRejection = {
      plugin,
      code: status?.reasonCode ?? 'pre-filter',
      reason: status?.reason ?? `refused by ${plugin}`,
      nodeCount,
      nodes: [],
      resolvable: status?.code === 'unschedulable',
    };
    return {
      totals: this.#blank(),
      fitting: 0,
      columns: noColumns,
      rejections: () => [rejection],
      rowsOf: () => new Int32Array(0),
      resolvableRows: () => new Int32Array(0),
      refusal,
    };
  }

  /** All rows out. */
  #blank(): Float64Array {
    if (this.#totals.length < this.state.size) this.#totals = new Float64Array(this.state.size * 2);
    return this.#totals.fill(out);
  }

  /** In very large clusters only a part of the candidates is scored, another one each time. True: some were left out. */
  #sampled(): boolean {
    const limit = sampleSize(this.profile.settings.sampling, this.state.nodeCount);
    const { rows, count } = this.#batch;
    if (count <= limit) return false;
    const from = this.#start % count;
    const part = Int32Array.from({ length: limit }, (_, step) => rows[(from + step) % count] as number);
    rows.set(part);
    this.#batch.count = limit;
    return true;
  }

  #beginOutcomes(): void {
    this.#outcomes.reserve(this.state.size, fits);
    this.#outcomes.why.fill(fits);
  }

  /** Mostly nobody has anything to say: then the candidates are not even collected. */
  #clusterScores(pod: PodInfo, evaluation: RowEvaluation): ScoreColumn[] {
    const batch = new LazyBatch(this.#batch, () => evaluation.collect(this.#batch));
    const scores = activeScores(this.profile.clusterScores, pod, batch, this.guard);
    if (scores.length > 0) batch.fill();
    return this.#columnsOf(scores);
  }

  /** Scores of the cluster on top of those of rows, when all rows of the evaluation are candidates. `#batch` holds them. */
  #scored(pod: PodInfo, evaluation: RowEvaluation, columns: readonly ScoreColumn[]): Findings {
    const totals = this.#blank();
    totals.set(evaluation.totals.subarray(0, this.state.size));
    this.#addScores(pod, totals, columns);
    return { ...found(evaluation, totals), columns: [...evaluation.columns, ...columns] };
  }

  /** After filters of the cluster: `#batch` holds the candidates, fewer than the evaluation has. */
  #rescored(pod: PodInfo, evaluation: RowEvaluation): Findings {
    const { rows, count } = this.#batch;
    const totals = this.#blank();
    const columns = evaluation.columns.map((column) => retopped(column, rows, count));
    const same = columns.every((column, at) => column === evaluation.columns[at]);
    const before = evaluation.totals;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      totals[row] = same ? (before[row] as number) : 0;
    }
    if (!same) for (const column of columns) column.addTo(totals, rows, count);
    const more =
      count === 0 ? [] : this.#columnsOf(activeScores(this.profile.clusterScores, pod, this.#batch, this.guard));
    this.#addScores(pod, totals, more);
    return this.#findings(totals, count, [...columns, ...more], evaluation.outcomes);
  }

  /** A node must also do when nominated pods that help do not come. Returns a refusal that this makes. */
  #runClusterFilters(active: readonly ActiveFilter[], pod: PodInfo): PreFiltered['refusal'] {
    runFilters(active, pod, this.#batch, this.#outcomes, this.guard);
    if (active.length === 0 || this.#batch.count === 0) return undefined;
    return this.state.withoutSupport(pod, () => {
      const alone = this.#preFilter(this.profile.clusterFilters, pod);
      runFilters(alone.active, pod, this.#batch, this.#outcomes, this.guard);
      return alone.refusal;
    });
  }

  /** Few rows are in question: they are asked about one time, and nothing is kept. */
  #narrow(pod: PodInfo, evaluated: Exclude<Evaluated, { kind: 'refused' }>, cluster: PreFiltered): Findings {
    const ofRows = evaluated.preFiltered;
    this.#beginOutcomes();
    this.#batch.clear();
    for (const row of ofRows.rows ?? cluster.rows ?? []) {
      if (cluster.rows?.has(row) !== false) this.#batch.add(row);
    }
    const leftOut = this.state.nodeCount - this.#batch.count;
    const by = [...ofRows.narrowedBy, ...cluster.narrowedBy].join(', ');
    runFilters(ofRows.active, pod, this.#batch, this.#outcomes, this.guard);
    const refusal = this.#runClusterFilters(cluster.active, pod);
    if (refusal !== undefined) return this.#refused(refusal);
    const totals = this.#blank();
    const { count } = this.#batch;
    const scores = count === 0 ? [] : [...this.profile.rowScores, ...this.profile.clusterScores];
    const columns = this.#columnsOf(activeScores(scores, pod, this.#batch, this.guard));
    for (let at = 0; at < count; at += 1) totals[this.#batch.rows[at] as number] = 0;
    this.#addScores(pod, totals, columns);
    const findings = this.#findings(totals, count, columns, undefined);
    if (leftOut <= 0) return findings;
    const others: NodeRejection = {
      plugin: by,
      code: 'pre-filter',
      reason: `node(s) didn't satisfy plugin(s) [${by}]`,
      nodeCount: leftOut,
      nodes: [],
      resolvable: false,
    };
    return { ...findings, rejections: () => [...findings.rejections(), others] };
  }

  #columnsOf(scores: readonly ActiveScore[]): ScoreColumn[] {
    return scores.map((score, at) => {
      let raw = this.#raws[at];
      if (raw === undefined || raw.length < this.state.size) {
        raw = new Float64Array(this.state.size * 2);
        this.#raws[at] = raw;
      }
      return new ScoreColumn(score, raw);
    });
  }

  #addScores(pod: PodInfo, totals: Float64Array, columns: readonly ScoreColumn[]): void {
    const { rows, count } = this.#batch;
    for (const column of columns) {
      column.ask(pod, this.#batch, this.guard);
      normalizeByFunction(column, this.#batch, this.guard);
      if (column.isRelative) column.findTop(rows, count);
      column.addTo(totals, rows, count);
    }
  }

  #findings(
    totals: Float64Array,
    fitting: number,
    columns: readonly ScoreColumn[],
    ofRows: Outcomes | undefined,
  ): Findings {
    const { why } = this.#outcomes;
    const refusals =
      ofRows === undefined
        ? new Refusals(this.state, this.reasons, why)
        : new Refusals(this.state, this.reasons, ofRows.why, why);
    return { totals, fitting, columns, ...looksAt(refusals) };
  }
}

function looksAt(refusals: Refusals): Pick<Findings, 'rejections' | 'rowsOf' | 'resolvableRows' | 'refusal'> {
  return {
    rejections: () => refusals.list(),
    rowsOf: (rejection) => refusals.rowsOf(rejection),
    resolvableRows: () => refusals.resolvableRows,
    refusal: undefined,
  };
}

/** The column with the highest score of these rows; itself when that is the same. */
function retopped(column: ScoreColumn, rows: Int32Array, count: number): ScoreColumn {
  if (!column.isRelative) return column;
  const other = new ScoreColumn(column.score);
  other.raw = column.raw;
  other.findTop(rows, count);
  return other.top === column.top ? column : other;
}

function found({ columns, fitting, refusals }: RowEvaluation, totals: Float64Array): Findings {
  return { totals, fitting, columns, ...looksAt(refusals) };
}
