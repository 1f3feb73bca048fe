/** Evaluations by kind of pod, the last used ones. */
import type { PodInfo } from '../contracts/scheduler/index.ts';
import type { PreFiltered } from './cycle.ts';
import { ReusedBatch } from './filtering.ts';
import { RowEvaluation, type EvaluationParts, type Scratch } from './row-evaluation.ts';

/** Memory for evaluations, roughly: some columns of 8 bytes for each node. */
const memoryLimitBytes = 64 * 1024 * 1024;
const bytesPerRow = 80;
const leastEntries = 16;

export type Evaluated =
  | { readonly kind: 'rows'; readonly preFiltered: PreFiltered; readonly evaluation: RowEvaluation }
  /** Only some rows can do. */
  | { readonly kind: 'narrow'; readonly preFiltered: PreFiltered }
  | { readonly kind: 'refused'; readonly preFiltered: PreFiltered };

type Entry = Extract<Evaluated, { kind: 'rows' }>;

export class EvaluationCache {
  readonly #parts: Omit<EvaluationParts, 'scratch'>;
  readonly #scratch: Scratch;
  /** The least recently used first. */
  readonly #entries = new Map<string, Entry>();

  constructor(parts: Omit<EvaluationParts, 'scratch'>) {
    this.#parts = parts;
    this.#scratch = {
      batch: new ReusedBatch(parts.state),
      changed: new Int32Array(64),
      marks: new Uint8Array(64),
      scores: new Float64Array(64),
    };
  }

  /** Up to date. `preFilter` is asked when nothing is known of such pods. @throws PluginFault */
  of(pod: PodInfo, preFilter: () => PreFiltered): Evaluated {
    const { rowKey } = pod.class;
    const known = this.#entries.get(rowKey);
    this.#entries.delete(rowKey);
    if (known?.evaluation.isUsable(pod) === true) {
      known.evaluation.update(pod);
      this.#entries.set(rowKey, known);
      return known;
    }
    const preFiltered = preFilter();
    if (preFiltered.refusal !== undefined) return { kind: 'refused', preFiltered };
    if (preFiltered.rows !== undefined) return { kind: 'narrow', preFiltered };
    const evaluation = new RowEvaluation({ ...this.#parts, scratch: this.#scratch }, preFiltered.active);
    evaluation.update(pod);
    const entry: Entry = { kind: 'rows', preFiltered, evaluation };
    this.#entries.set(rowKey, entry);
    this.#trim();
    return entry;
  }

  #trim(): void {
    const limit = Math.max(
      leastEntries,
      Math.floor(memoryLimitBytes / (bytesPerRow * Math.max(1, this.#parts.state.size))),
    );
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= limit) return;
      this.#entries.delete(oldest);
    }
  }
}
