/** Runs filters over rows: what is left of them, and why the others are out. */
import type {
  NodeBatch,
  PluginState,
  PodInfo,
  Reason,
  SchedulingPlugin,
  Verdicts,
} from '../contracts/scheduler/index.ts';
import type { PluginGuard } from './plugin-guard.ts';
import { fits, type Reasons } from './reasons.ts';
import type { WorkingState } from './working-state.ts';

/** A filter that has something to say to a pod, with what its PreFilter left. */
export interface ActiveFilter {
  readonly plugin: SchedulingPlugin;
  readonly state: PluginState;
}

/** The batch that plugins get: made once, filled again and again. */
export class ReusedBatch implements NodeBatch {
  rows: Int32Array;
  count = 0;
  readonly view: WorkingState;
  /** By row: the filling in which it was added last. */
  #addedIn: Float64Array;
  #filling = 1;

  constructor(view: WorkingState) {
    this.view = view;
    const length = Math.max(64, view.size);
    this.rows = new Int32Array(length);
    this.#addedIn = new Float64Array(length);
  }

  /** Room for all rows. What was in it is lost. */
  clear(): void {
    this.count = 0;
    this.#filling += 1;
    if (this.rows.length >= this.view.size) return;
    this.rows = new Int32Array(this.view.size * 2);
    this.#addedIn = new Float64Array(this.view.size * 2);
  }

  add(row: number): void {
    this.rows[this.count] = row;
    this.count += 1;
    this.#addedIn[row] = this.#filling;
  }

  /** All rows that have a node. */
  addPresent(): void {
    const { presentRows } = this.view;
    this.rows.set(presentRows, this.count);
    this.count += presentRows.length;
    const addedIn = this.#addedIn;
    for (let at = 0; at < presentRows.length; at += 1) addedIn[presentRows[at] as number] = this.#filling;
  }

  /** Whether the row was added since the last clearing. */
  has(row: number): boolean {
    return this.#addedIn[row] === this.#filling;
  }
}

/** A batch that is collected when somebody looks into it. */
export class LazyBatch implements NodeBatch {
  readonly #batch: ReusedBatch;
  readonly #collect: () => void;
  #filled = false;

  constructor(batch: ReusedBatch, collect: () => void) {
    this.#batch = batch;
    this.#collect = collect;
  }

  fill(): ReusedBatch {
    if (!this.#filled) this.#collect();
    this.#filled = true;
    return this.#batch;
  }

  get rows(): Int32Array {
    return this.fill().rows;
  }

  get count(): number {
    return this.fill().count;
  }

  get view(): WorkingState {
    return this.#batch.view;
  }
}

/** Why rows are out. Only rows that were asked about are refused. */
export class Outcomes implements Verdicts {
  /** By row: `fits`, or the number of a set of reasons. */
  why: Uint16Array = new Uint16Array(64);
  readonly #reasons: Reasons;
  #plugin = '';
  #batch: ReusedBatch | undefined;

  constructor(reasons: Reasons) {
    this.#reasons = reasons;
  }

  reserve(size: number, fill: number): void {
    if (this.why.length >= size) return;
    const grown = new Uint16Array(Math.max(size, this.why.length * 2)).fill(fill);
    grown.set(this.why);
    this.why = grown;
  }

  begin(plugin: string, batch: ReusedBatch): void {
    this.#plugin = plugin;
    this.#batch = batch;
  }

  reject(row: number, reason: Reason): void {
    if (this.#batch?.has(row) !== true) return;
    const id = this.#reasons.idOf(this.#plugin, reason);
    this.why[row] = this.#reasons.with(this.why[row] as number, id);
  }
}

/** Leaves in `batch` the rows that pass all filters. */
export function runFilters(
  filters: readonly ActiveFilter[],
  pod: PodInfo,
  batch: ReusedBatch,
  outcomes: Outcomes,
  guard: PluginGuard,
): void {
  for (const { plugin, state } of filters) {
    if (batch.count === 0) return;
    outcomes.begin(plugin.name, batch);
    guard.call(plugin.name, () => plugin.filter?.(pod, batch, outcomes, state));
    keepFitting(batch, outcomes.why);
  }
}

function keepFitting(batch: ReusedBatch, why: Uint16Array): void {
  const { rows, count } = batch;
  let kept = 0;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    rows[kept] = row;
    kept += why[row] === fits ? 1 : 0;
  }
  batch.count = kept;
}
