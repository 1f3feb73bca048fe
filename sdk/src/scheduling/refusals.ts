/** What is wrong with the nodes that cannot take a pod, worked out when somebody asks. */
import type { NodeRejection } from '../contracts/scheduler/index.ts';
import { fits, type Reasons } from './reasons.ts';
import type { WorkingState } from './working-state.ts';

const sampleLimit = 3;

interface Tally {
  count: number;
  readonly rows: number[];
}

export class Refusals {
  readonly #state: WorkingState;
  readonly #reasons: Reasons;
  readonly #first: Uint16Array;
  readonly #second: Uint16Array | undefined;
  #list: readonly NodeRejection[] | undefined;
  #resolvable: Int32Array | undefined;

  /** Sets of reasons by row: those of `second` count where `first` has none. */
  constructor(state: WorkingState, reasons: Reasons, first: Uint16Array, second?: Uint16Array) {
    this.#state = state;
    this.#reasons = reasons;
    this.#first = first;
    this.#second = second;
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
    return this.#rowsWhere((set) => this.#reasons.idsOf(set).includes(id));
  }

  /** Rows whose refusals could be resolved by the removal of pods. */
  get resolvableRows(): Int32Array {
    this.#resolvable ??= this.#rowsWhere((set) => this.#reasons.isResolvable(set));
    return this.#resolvable;
  }

  /** Asks once for each run of rows that are refused alike. */
  #rowsWhere(holds: (set: number) => boolean): Int32Array {
    const { presentRows } = this.#state;
    const found = new Int32Array(presentRows.length);
    let count = 0;
    let last: number = fits;
    let isIn = holds(fits);
    for (let at = 0; at < presentRows.length; at += 1) {
      const row = presentRows[at] as number;
      const set = this.#why(row);
      if (set !== last) {
        last = set;
        isIn = holds(set);
      }
      found[count] = row;
      count += isIn ? 1 : 0;
    }
    return found.subarray(0, count);
  }

  #why(row: number): number {
    const first = this.#first[row] as number;
    return first === fits && this.#second !== undefined ? (this.#second[row] as number) : first;
  }

  #byReason(): Map<number, Tally> {
    const sets = new Map<number, Tally>();
    let last = fits;
    let tally: Tally = { count: 0, rows: [] };
    const { presentRows } = this.#state;
    for (let at = 0; at < presentRows.length; at += 1) {
      const row = presentRows[at] as number;
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
