import type { HistoryEntry } from '../workload/history.ts';
import { absent, operationsByKey, type KeyOperation, type KeyState } from './key-model.ts';

/** `undecided`: the search was given up at its bound. That is no proof of anything. */
export type Verdict =
  | { readonly outcome: 'linearizable' }
  | { readonly outcome: 'undecided'; readonly key: string }
  | { readonly outcome: 'violation'; readonly key: string; readonly text: string };

export interface SearchOptions {
  readonly limitStates?: number;
  /**
   * The revision at which an operation without an answer is thought to have happened. Which order is tried first depends on it,
   * and on the revisions in the answers, so that a good guess saves time; what is found does not.
   */
  readonly guess?: (entry: HistoryEntry) => number | undefined;
}

/**
 * Searches an order of the operations that keeps real time and that one copy of the data could have answered (Wing and Gong,
 * with Lowe's memory of what was tried). It trusts no revision that a member names as an order, only as a value. Keys are
 * searched each for itself. Serializable reads are none of its business.
 */
export function checkLinearizability(history: readonly HistoryEntry[], options: SearchOptions = {}): Verdict {
  const { limitStates = 200_000, guess = () => undefined } = options;
  let undecided: Verdict | undefined;
  for (const [key, operations] of [...operationsByKey(history)].toSorted((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const sorted = operations.toSorted((a, b) => a.calledAt - b.calledAt);
    const verdict = new Search(key, sorted, guessedOrder(sorted, guess), limitStates).run();
    if (verdict.outcome === 'violation') return verdict;
    if (verdict.outcome === 'undecided') undecided ??= verdict;
  }
  return undecided ?? { outcome: 'linearizable' };
}

/** The place of each operation in the order that is tried first: by revision, and what changed something before what saw it. */
function guessedOrder(
  operations: readonly KeyOperation[],
  guess: (entry: HistoryEntry) => number | undefined,
): readonly number[] {
  const revisions = operations.map(({ entry }) => {
    const answer = entry.returned?.answer;
    if (answer === undefined) return 2 * (guess(entry) ?? Number.POSITIVE_INFINITY);
    return 2 * answer.revision + (answer.changed ? 0 : 1);
  });
  const order = revisions.map((_, at) => at).toSorted((a, b) => compare(revisions[a], revisions[b]) || a - b);
  const places: number[] = [];
  for (const [place, at] of order.entries()) places[at] = place;
  return places;
}

function compare(a = 0, b = 0): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** A point to return to. */
interface Frame {
  readonly state: KeyState;
  /** The operation that led here. */
  readonly taken: number;
  /** Operations without which nothing is explained. */
  readonly left: number;
  /** The first operation that is not done. */
  readonly first: number;
  /** The place in the guessed order of what was tried last from here. */
  tried: number;
}

class Search {
  readonly #key: string;
  readonly #operations: readonly KeyOperation[];
  readonly #places: readonly number[];
  readonly #limitStates: number;
  readonly #done: boolean[];
  readonly #seen = new Set<string>();

  constructor(key: string, operations: readonly KeyOperation[], places: readonly number[], limitStates: number) {
    this.#key = key;
    this.#operations = operations;
    this.#places = places;
    this.#limitStates = limitStates;
    this.#done = operations.map(() => false);
  }

  run(): Verdict {
    const completed = this.#operations.filter(({ returnedAt }) => returnedAt !== Number.POSITIVE_INFINITY).length;
    // The furthest that an order got, and what it could not explain there.
    let best = Number.POSITIVE_INFINITY;
    let stuckAt: KeyOperation | undefined;
    const stack: Frame[] = [];
    let frame: Frame = { state: absent, taken: -1, left: completed, first: 0, tried: -1 };
    while (frame.left > 0) {
      const next = this.#next(frame);
      if (next !== undefined) {
        if (this.#seen.size >= this.#limitStates) return { outcome: 'undecided', key: this.#key };
        stack.push(frame);
        frame = next;
        continue;
      }
      if (frame.left < best) {
        best = frame.left;
        stuckAt = this.#firstOpen();
      }
      const back = stack.pop();
      if (back === undefined) return violation(this.#key, stuckAt);
      this.#done[frame.taken] = false;
      frame = back;
    }
    return { outcome: 'linearizable' };
  }

  /** The next way to go on from here that was not tried before, from here or from a point that is equal to where it leads. */
  #next(frame: Frame): Frame | undefined {
    for (;;) {
      const found = this.#choose(frame);
      if (found === undefined) return undefined;
      const { at, state } = found;
      frame.tried = this.#places[at] as number;
      this.#done[at] = true;
      let { first } = frame;
      while (this.#done[first] === true) first += 1;
      const memory = this.#fingerprint(first, state);
      if (this.#seen.has(memory)) {
        this.#done[at] = false;
        continue;
      }
      this.#seen.add(memory);
      const answered = (this.#operations[at] as KeyOperation).returnedAt !== Number.POSITIVE_INFINITY;
      return { state, taken: at, left: frame.left - (answered ? 1 : 0), first, tried: -1 };
    }
  }

  /** Of those that may come first among what is left, called before anything left returned, the one that is guessed to be next. */
  #choose(frame: Frame): { readonly at: number; readonly state: KeyState } | undefined {
    let firstReturn = Number.POSITIVE_INFINITY;
    let best = Number.POSITIVE_INFINITY;
    let found: { at: number; state: KeyState } | undefined;
    const twins: string[] = [];
    for (let at = frame.first; at < this.#operations.length; at++) {
      const operation = this.#operations[at] as KeyOperation;
      if (operation.calledAt > firstReturn) break;
      if (this.#done[at] === true) continue;
      firstReturn = Math.min(firstReturn, operation.returnedAt);
      if (operation.twins !== undefined) {
        if (twins.includes(operation.twins)) continue;
        twins.push(operation.twins);
      }
      const place = this.#places[at] as number;
      if (place <= frame.tried || place >= best) continue;
      const state = operation.step(frame.state);
      if (state === undefined) continue;
      best = place;
      found = { at, state };
    }
    return found;
  }

  #fingerprint(first: number, { value, mod, version, lease }: KeyState): string {
    const done = this.#done;
    let last = done.length;
    while (last > first && done[last - 1] !== true) last -= 1;
    let bits = '';
    let word = 1;
    for (let at = first; at < last; at++) {
      word = (word << 1) | (done[at] === true ? 1 : 0);
      if (word < 0x8000) continue;
      bits += String.fromCharCode(word);
      word = 1;
    }
    return `${first} ${word} ${bits} ${value} ${mod} ${version} ${lease}`;
  }

  #firstOpen(): KeyOperation | undefined {
    let earliest: KeyOperation | undefined;
    for (const [at, operation] of this.#operations.entries()) {
      if (this.#done[at] === true) continue;
      if (earliest === undefined || operation.returnedAt < earliest.returnedAt) earliest = operation;
    }
    return earliest;
  }
}

function violation(key: string, stuckAt: KeyOperation | undefined): Verdict {
  const text = stuckAt === undefined ? 'no order exists' : `no order explains ${JSON.stringify(stuckAt.entry)}`;
  return { outcome: 'violation', key, text: `not linearizable, key ${key}: ${text}` };
}
