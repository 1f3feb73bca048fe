/** The scores of one plugin over rows, and their normalising. */
import type { NodeBatch, PluginState, PodInfo } from '../contracts/scheduler/index.ts';
import type { ReusedBatch } from './filtering.ts';
import type { PluginGuard } from './plugin-guard.ts';
import type { ScoringPlugin } from './profile.ts';

const scoreLimit = 100;

/** A score that counts for a pod, with what its PreScore left. */
export interface ActiveScore extends ScoringPlugin {
  readonly state: PluginState;
}

/** Those that do not skip the pod. `batch`: nodes that can take it. */
export function activeScores(
  scores: readonly ScoringPlugin[],
  pod: PodInfo,
  batch: NodeBatch,
  guard: PluginGuard,
): ActiveScore[] {
  const active: ActiveScore[] = [];
  for (const { plugin, weight } of scores) {
    if (guard.isOut(plugin.name)) continue;
    const before = guard.call(plugin.name, () => plugin.preScore?.(pod, batch));
    if (before?.status.code !== 'skip') active.push({ plugin, weight, state: before?.state });
  }
  return active;
}

/** Raw scores by row. */
export class ScoreColumn {
  readonly score: ActiveScore;
  raw: Float64Array;
  /** The highest raw score of the rows that count, and how many have it. */
  top = 0;
  topCount = 0;

  /** `raw`: a column to use, if there is one. What is in it does not matter. */
  constructor(score: ActiveScore, raw: Float64Array = new Float64Array(0)) {
    this.score = score;
    this.raw = raw;
  }

  reserve(size: number): void {
    if (this.raw.length >= size) return;
    const grown = new Float64Array(Math.max(size, this.raw.length * 2));
    grown.set(this.raw);
    this.raw = grown;
  }

  /** Asks the plugin about the rows of the batch; what is known about others is lost. @throws PluginFault */
  ask(pod: PodInfo, batch: ReusedBatch, guard: PluginGuard): void {
    const { plugin, state } = this.score;
    const { raw } = this;
    raw.fill(0);
    guard.call(plugin.name, () => plugin.score(pod, batch, raw, state));
    this.#check(raw, batch, guard);
  }

  /** Asks about some more rows. `scores`: what the plugin may write to, also where nobody asked. @throws PluginFault */
  askMore(scores: Float64Array, pod: PodInfo, batch: ReusedBatch, guard: PluginGuard): void {
    const { plugin, state } = this.score;
    const { rows, count } = batch;
    if (count === 0) return;
    for (let at = 0; at < count; at += 1) scores[rows[at] as number] = 0;
    guard.call(plugin.name, () => plugin.score(pod, batch, scores, state));
    this.#check(scores, batch, guard);
    const { raw } = this;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      raw[row] = scores[row] as number;
    }
  }

  #check(scores: Float64Array, { rows, count, view }: ReusedBatch, guard: PluginGuard): void {
    const { name, normalize } = this.score.plugin;
    const highest = normalize === undefined ? scoreLimit : Number.MAX_VALUE;
    const lowest = typeof normalize === 'function' ? -Number.MAX_VALUE : 0;
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      const value = scores[row] as number;
      if (value >= lowest && value <= highest) continue;
      throw guard.fault(name, `gave node ${view.names[row]} the score ${value}`);
    }
  }

  /** Whether scores of other rows change with the highest one. */
  get isRelative(): boolean {
    const { normalize } = this.score.plugin;
    return normalize === 'max' || normalize === 'reverse-max';
  }

  findTop(rows: Int32Array, count: number): void {
    const { raw } = this;
    let top = 0;
    let topCount = 0;
    for (let at = 0; at < count; at += 1) {
      const value = raw[rows[at] as number] as number;
      if (value < top) continue;
      topCount = value === top ? topCount + 1 : 1;
      top = value;
    }
    this.top = top;
    this.topCount = topCount;
  }

  /** A row with this score counts from now on. True: it is a new highest one. */
  raise(value: number): boolean {
    if (value === this.top) this.topCount += 1;
    else if (value > this.top) {
      this.top = value;
      this.topCount = 1;
      return true;
    }
    return false;
  }

  /** A row with this score counts no more. True: the highest one is not known any more. */
  lower(value: number): boolean {
    if (value !== this.top) return false;
    this.topCount -= 1;
    return this.topCount <= 0 && this.top > 0;
  }

  /** The weighted score of a row, of a plugin without a function of its own to normalise. */
  weighted(row: number): number {
    const raw = this.raw[row] as number;
    const { plugin, weight } = this.score;
    return weight * normalized(plugin.normalize, raw, this.top);
  }

  /** Adds the weighted scores to the totals of rows. */
  addTo(totals: Float64Array, rows: Int32Array, count: number): void {
    const { raw, top } = this;
    const { plugin, weight } = this.score;
    const { normalize } = plugin;
    if (!this.isRelative) {
      for (let at = 0; at < count; at += 1) {
        const row = rows[at] as number;
        totals[row] = (totals[row] as number) + weight * (raw[row] as number);
      }
      return;
    }
    for (let at = 0; at < count; at += 1) {
      const row = rows[at] as number;
      totals[row] = (totals[row] as number) + weight * normalized(normalize, raw[row] as number, top);
    }
  }

  /** 0 … 100, for people. */
  shown(row: number): number {
    return this.score.weight === 0 ? 0 : this.weighted(row) / this.score.weight;
  }
}

function normalized(normalize: unknown, raw: number, top: number): number {
  if (normalize === 'max') return top > 0 ? Math.floor((scoreLimit * raw) / top) : 0;
  if (normalize === 'reverse-max') return top > 0 ? scoreLimit - Math.floor((scoreLimit * raw) / top) : scoreLimit;
  return raw;
}

/** Lets a plugin normalise by itself: `raw` holds 0 … 100 afterwards. @throws PluginFault */
export function normalizeByFunction(column: ScoreColumn, batch: ReusedBatch, guard: PluginGuard): void {
  const { plugin } = column.score;
  const { normalize } = plugin;
  if (typeof normalize !== 'function') return;
  const { raw } = column;
  guard.call(plugin.name, () => normalize(raw, batch));
  for (let at = 0; at < batch.count; at += 1) {
    const value = raw[batch.rows[at] as number] as number;
    if (!(value >= 0 && value <= scoreLimit)) throw guard.fault(plugin.name, `normalised a score to ${value}`);
  }
}
