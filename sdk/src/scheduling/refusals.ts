/** What is wrong with the nodes that cannot take a pod, worked out when somebody asks. */
import type { NodeRejection } from '../contracts/scheduler2/index.ts';
import { fits, type Reasons } from './reasons.ts';
import type { WorkingState } from './working-state.ts';

const sampleLimit = 3;

/** Columns of sets of reasons, by row. A row that one of them refuses is not refused by those after it. */
export type WhyColumns = readonly Uint16Array[];

interface Tally {
  count: number;
  readonly rows: number[];
}

export class Refusals {
  readonly #state: WorkingState;
  readonly #reasons: Reasons;
  readonly #columns: WhyColumns;
  #list: readonly NodeRejection[] | undefined;
  #resolvable: Int32Array | undefined;

  constructor(state: WorkingState, reasons: Reasons, columns: WhyColumns) {
    this.#state = state;
    this.#reasons = reasons;
    this.#columns = columns;
  }

  /** The most frequent first. */
  list(): readonly NodeRejection[] {
    this.#list ??= [...this.#byReason()]
      .map(([id, { count, rows }]): NodeRejection => {
        const { plugin, reason } = this.#reasons.of(id);
        const nodes = rows.map((row) => this.#state.names[row] ?? '');
        return {
          plugin,
          code: reason.code,
          reason: reason.text,
          nodeCount: count,
          nodes,
          resolvable: reason.resolvable,
        };
      })
      .toSorted((a, b) => b.nodeCount - a.nodeCount || (a.reason < b.reason ? -1 : 1));
    return this.#list;
  }

  /** Rows that were refused for this. */
  rowsOf(rejection: NodeRejection): Int32Array {
    const id = this.#reasons.find(rejection);
    return this.#state.presentRows.filter((row) => this.#reasons.idsOf(this.#why(row)).includes(id));
  }

  /** Rows whose refusals could be resolved by the removal of pods. */
  get resolvableRows(): Int32Array {
    this.#resolvable ??= this.#state.presentRows.filter((row) => this.#reasons.isResolvable(this.#why(row)));
    return this.#resolvable;
  }

  #why(row: number): number {
    for (const column of this.#columns) {
      const set = column[row] as number;
      if (set !== fits) return set;
    }
    return fits;
  }

  #byReason(): Map<number, Tally> {
    const sets = new Map<number, Tally>();
    let last = fits;
    let tally: Tally = { count: 0, rows: [] };
    for (const row of this.#state.presentRows) {
      const set = this.#why(row);
      if (set === fits) continue;
      if (set !== last) {
        last = set;
        tally = tallyOf(sets, set);
      }
      tally.count += 1;
      if (tally.rows.length < sampleLimit) tally.rows.push(row);
    }
    const reasons = new Map<number, Tally>();
    for (const [set, { count, rows }] of sets) {
      for (const id of this.#reasons.idsOf(set)) {
        const all = tallyOf(reasons, id);
        all.count += count;
        all.rows.push(...rows);
      }
    }
    for (const { rows } of reasons.values()) rows.sort((a, b) => a - b).splice(sampleLimit);
    return reasons;
  }
}

function tallyOf(tallies: Map<number, Tally>, key: number): Tally {
  let tally = tallies.get(key);
  if (tally === undefined) {
    tally = { count: 0, rows: [] };
    tallies.set(key, tally);
  }
  return tally;
}
