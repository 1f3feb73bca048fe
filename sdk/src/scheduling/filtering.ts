/** Runs filters over rows: what is left of them, and why the others are out. */
import type {
  NodeBatch,
  PluginState,
  PodInfo,
  Reason,
  SchedulingPlugin,
  Verdicts,
} from '../contracts/scheduler2/index.ts';
import type { PluginGuard } from './plugin-guard.ts';
import { fits, type Reasons, type Refusals } from './reasons.ts';
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

  constructor(view: WorkingState) {
    this.view = view;
    this.rows = new Int32Array(Math.max(64, view.size));
  }

  /** Room for all rows. What was in it is lost. */
  clear(): void {
    this.count = 0;
    if (this.rows.length < this.view.size) this.rows = new Int32Array(this.view.size * 2);
  }

  add(row: number): void {
    this.rows[this.count] = row;
    this.count += 1;
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

/** Why rows are out: the first reason of each, and all of them. */
export class Outcomes implements Verdicts {
  /** By row: `fits`, or the id of the first reason. */
  first: Uint16Array = new Uint16Array(64);
  /** Reasons beside the first. */
  readonly #more = new Map<number, number[]>();
  readonly refusals: Refusals;
  readonly #reasons: Reasons;
  #plugin = '';

  constructor(reasons: Reasons, refusals: Refusals) {
    this.#reasons = reasons;
    this.refusals = refusals;
  }

  reserve(size: number, fill: number): void {
    if (this.first.length >= size) return;
    const grown = new Uint16Array(Math.max(size, this.first.length * 2)).fill(fill);
    grown.set(this.first);
    this.first = grown;
  }

  begin(plugin: string): void {
    this.#plugin = plugin;
  }

  reject(row: number, reason: Reason): void {
    const id = this.#reasons.idOf(this.#plugin, reason);
    const first = this.first[row];
    if (first === fits) this.first[row] = id;
    else if (first === id) return;
    else {
      const more = this.#more.get(row);
      if (more?.includes(id) === true) return;
      if (more === undefined) this.#more.set(row, [id]);
      else more.push(id);
    }
    this.refusals.add(id, 1);
  }

  /** The row is asked about again. */
  forget(row: number, next: number): void {
    const first = this.first[row] as number;
    if (first !== fits) {
      if (this.#reasons.of(first) !== undefined) this.refusals.add(first, -1);
      const more = this.#more.get(row);
      if (more !== undefined) {
        for (const id of more) this.refusals.add(id, -1);
        this.#more.delete(row);
      }
    }
    this.first[row] = next;
  }

  /** Nothing was refused. The column is the caller's to fill. */
  clear(): void {
    this.#more.clear();
    this.refusals.clear();
  }

  has(row: number, id: number): boolean {
    return this.first[row] === id || this.#more.get(row)?.includes(id) === true;
  }

  /** Whether the removal of pods could help with all that is wrong. */
  isResolvable(row: number): boolean {
    const ids = [this.first[row] as number, ...(this.#more.get(row) ?? [])];
    return ids.every((id) => this.#reasons.of(id)?.reason.resolvable ?? false);
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
    outcomes.begin(plugin.name);
    guard.call(plugin.name, () => plugin.filter?.(pod, batch, outcomes, state));
    keepFitting(batch, outcomes.first);
  }
}

function keepFitting(batch: ReusedBatch, first: Uint16Array): void {
  const { rows, count } = batch;
  let kept = 0;
  for (let at = 0; at < count; at += 1) {
    const row = rows[at] as number;
    rows[kept] = row;
    kept += first[row] === fits ? 1 : 0;
  }
  batch.count = kept;
}
