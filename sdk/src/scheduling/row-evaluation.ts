/**
 * What all plugins that look at rows alone say to the pods of one kind: kept, and brought up to date row by row. So a pod like the ones before
 * costs what has changed since, not the number of nodes.
 */
import type { PodInfo } from '../contracts/scheduler/index.ts';
import { Outcomes, ReusedBatch, runFilters, type ActiveFilter } from './filtering.ts';
import type { PluginGuard } from './plugin-guard.ts';
import type { Profile } from './profile.ts';
import { absent, fits, type Reasons } from './reasons.ts';
import { Refusals } from './refusals.ts';
import { activeScores, ScoreColumn } from './score-column.ts';
import { BlockTops } from './ranking.ts';
import type { WorkingState } from './working-state.ts';

/** What evaluations share: nothing of it outlives a call. */
export interface Scratch {
  readonly batch: ReusedBatch;
  changed: Int32Array;
  marks: Uint8Array;
  scores: Float64Array;
}

export interface EvaluationParts {
  readonly state: WorkingState;
  readonly reasons: Reasons;
  readonly guard: PluginGuard;
  readonly profile: Profile;
  readonly scratch: Scratch;
}

/** The total of a row that is no candidate. */
export const out: number = Number.NEGATIVE_INFINITY;

export class RowEvaluation {
  readonly #parts: EvaluationParts;
  readonly #filters: readonly ActiveFilter[];
  readonly outcomes: Outcomes;
  /** Weighted sums by row; `out` where the pod cannot go. */
  totals: Float64Array = new Float64Array(64).fill(out);
  readonly #tops = new BlockTops();
  columns: readonly ScoreColumn[] = [];
  /** Nodes that can take the pod. */
  fitting = 0;
  #refusals: Refusals | undefined;
  #position = -1;
  #objects = -1;
  readonly #outPlugins: number;

  constructor(parts: EvaluationParts, filters: readonly ActiveFilter[]) {
    this.#parts = parts;
    this.#filters = filters;
    this.outcomes = new Outcomes(parts.reasons);
    this.outcomes.why.fill(absent);
    this.#outPlugins = parts.guard.outCount;
  }

  /** Whether it can be brought up to date. */
  isUsable(pod: PodInfo): boolean {
    const { guard, state } = this.#parts;
    // What objects like claims have to do with a pod is not followed in detail.
    const sameObjects = pod.class.claims.length === 0 || this.#objects === state.objects.generation;
    return sameObjects && this.#outPlugins === guard.outCount;
  }

  /** @throws PluginFault; the evaluation must not be used any more then. */
  update(pod: PodInfo): void {
    const { state, scratch } = this.#parts;
    this.#objects = state.objects.generation;
    this.#reserve(state.size);
    const count = this.#position < 0 ? -1 : state.changes.since(this.#position, scratch.changed, scratch.marks);
    this.#position = state.changes.position;
    if (count !== 0) this.#refusals = undefined;
    if (count < 0) this.#all(pod);
    else if (count > 0) this.#some(pod, scratch.changed, count);
  }

  #reserve(size: number): void {
    const { scratch } = this.#parts;
    this.outcomes.reserve(size, absent);
    if (this.totals.length < size) {
      const grown = new Float64Array(Math.max(size, this.totals.length * 2)).fill(out);
      grown.set(this.totals);
      this.totals = grown;
    }
    if (scratch.marks.length < size) {
      scratch.marks = new Uint8Array(size * 2);
      scratch.changed = new Int32Array(size * 2);
      scratch.scores = new Float64Array(size * 2);
    }
  }

  #all(pod: PodInfo): void {
    const { state, scratch, guard, profile } = this.#parts;
    const { batch } = scratch;
    batch.clear();
    this.outcomes.why.fill(absent);
    batch.addPresent();
    const { why } = this.outcomes;
    for (let at = 0; at < batch.count; at += 1) why[batch.rows[at] as number] = fits;
    this.totals.fill(out);
    this.#tops.touchAll(state.size);
    runFilters(this.#filters, pod, batch, this.outcomes, guard);
    this.fitting = batch.count;
    this.columns = activeScores(profile.rowScores, pod, batch, guard).map((score) => new ScoreColumn(score));
    for (const column of this.columns) {
      column.reserve(state.size);
      column.ask(pod, batch, guard);
      if (column.isRelative) column.findTop(batch.rows, batch.count);
    }
    this.#sum(batch.rows, batch.count);
  }

  #some(pod: PodInfo, changed: Int32Array, count: number): void {
    const { state, scratch, guard } = this.#parts;
    const { batch } = scratch;
    batch.clear();
    let unknownTop = this.#leave(changed, count, batch);
    runFilters(this.#filters, pod, batch, this.outcomes, guard);
    this.fitting += batch.count;
    for (const column of this.columns) {
      column.reserve(state.size);
      column.askMore(scratch.scores, pod, batch, guard);
      if (column.isRelative) unknownTop = this.#join(column, batch) || unknownTop;
    }
    if (unknownTop) this.#sumAgain();
    else this.#sum(batch.rows, batch.count);
  }

  /** Takes the rows out, and those that have a node into the batch. True: a highest score went with them. */
  #leave(changed: Int32Array, count: number, batch: ReusedBatch): boolean {
    const { state } = this.#parts;
    let topGone = false;
    for (let at = 0; at < count; at += 1) {
      const row = changed[at] as number;
      if (this.outcomes.why[row] === fits) {
        this.fitting -= 1;
        for (const column of this.columns) {
          if (column.isRelative && column.lower(column.raw[row] as number)) topGone = true;
        }
      }
      const present = state.names[row] !== '';
      this.outcomes.why[row] = present ? fits : absent;
      this.totals[row] = out;
      this.#tops.touch(row);
      if (present) batch.add(row);
    }
    return topGone;
  }

  #join(column: ScoreColumn, batch: ReusedBatch): boolean {
    let newTop = false;
    for (let at = 0; at < batch.count; at += 1) {
      newTop = column.raise(column.raw[batch.rows[at] as number] as number) || newTop;
    }
    return newTop;
  }

  #sum(rows: Int32Array, count: number): void {
    const { columns, totals } = this;
    const tops = this.#tops;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      totals[row] = 0;
      tops.touch(row);
    }
    for (const column of columns) column.addTo(totals, rows, count);
  }

  #sumAgain(): void {
    const { batch } = this.#parts.scratch;
    this.collect(batch);
    for (const column of this.columns) if (column.isRelative) column.findTop(batch.rows, batch.count);
    this.#sum(batch.rows, batch.count);
  }

  /** The highest totals of blocks of rows, for {@link rank}. */
  blockTops(): Float64Array {
    return this.#tops.of(this.totals, this.#parts.state.size);
  }

  /** As they are now. */
  get refusals(): Refusals {
    this.#refusals ??= new Refusals(this.#parts.state, this.#parts.reasons, this.outcomes.why);
    return this.#refusals;
  }

  /** Puts all rows that can take the pod into the batch. */
  collect(batch: ReusedBatch): void {
    batch.clear();
    const { why } = this.outcomes;
    const { size } = this.#parts.state;
    for (let row = 0; row < size; row += 1) if (why[row] === fits) batch.add(row);
  }
}
