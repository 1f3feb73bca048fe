import type { HistoryEntry } from '../workload/history.ts';
import type { Answer, KeyValue, Operation } from '../workload/operation.ts';

/** `undecided`: the search was given up at its bound. The revision check has no such bound. */
export type Verdict =
  | { readonly outcome: 'linearizable' }
  | { readonly outcome: 'undecided'; readonly key: string }
  | { readonly outcome: 'violation'; readonly key: string; readonly text: string };

/** What is known of one key. `mod` is undefined after a write whose answer, and so its revision, never came. */
interface KeyState {
  readonly value: string | undefined;
  readonly mod: number | undefined;
  readonly version: number | undefined;
}

interface KeyOperation {
  readonly entry: HistoryEntry;
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly step: (state: KeyState) => KeyState | undefined;
}

const absent: KeyState = { value: undefined, mod: 0, version: 0 };

/**
 * Searches an order of the operations that keeps real time and that one copy of the data could have answered (Wing and Gong,
 * with Lowe's memory of what was tried). It trusts no revision that a member names as an order, only as a value. Keys are
 * searched each for itself: linearizability is local. Serializable reads are none of its business.
 */
export function checkLinearizability(history: readonly HistoryEntry[], limitStates = 50_000): Verdict {
  const byKey = new Map<string, KeyOperation[]>();
  const keys = new Set(history.flatMap((entry) => writtenKeys(entry.operation)));
  for (const entry of history) {
    for (const key of touchedKeys(entry.operation, keys)) {
      const operation = toKeyOperation(entry, key);
      if (operation === undefined) continue;
      const list = byKey.get(key) ?? [];
      list.push(operation);
      byKey.set(key, list);
    }
  }
  let undecided: Verdict | undefined;
  for (const [key, operations] of [...byKey].toSorted((a, b) => (a[0] < b[0] ? -1 : 1))) {
    const verdict = searchKey(key, operations, limitStates);
    if (verdict.outcome === 'violation') return verdict;
    if (verdict.outcome === 'undecided') undecided ??= verdict;
  }
  return undecided ?? { outcome: 'linearizable' };
}

function writtenKeys(operation: Operation): readonly string[] {
  if (operation.type === 'put') return operation.keys;
  return operation.type === 'delete' || operation.type === 'compareAndPut' ? [operation.key] : [];
}

function touchedKeys(operation: Operation, known: ReadonlySet<string>): readonly string[] {
  if (operation.type !== 'read') return writtenKeys(operation);
  if (!operation.linearizable) return [];
  return [...known].filter((key) => key >= operation.from && key < operation.to);
}

function toKeyOperation(entry: HistoryEntry, key: string): KeyOperation | undefined {
  const answer = entry.returned?.answer;
  const { operation } = entry;
  // A read without an answer says nothing.
  if (operation.type === 'read' && answer === undefined) return undefined;
  return {
    entry,
    calledAt: entry.calledAt,
    returnedAt: entry.returned?.at ?? Number.POSITIVE_INFINITY,
    step: (state) => step(operation, answer, key, state),
  };
}

/** The state after the operation, or undefined when it could not have been answered so in this state. */
function step(operation: Operation, answer: Answer | undefined, key: string, state: KeyState): KeyState | undefined {
  switch (operation.type) {
    case 'put':
      return written(operation.value, answer, state);
    case 'delete':
      if (answer !== undefined && answer.changed !== (state.value !== undefined)) return undefined;
      return absent;
    case 'compareAndPut': {
      const equal = state.mod === undefined ? undefined : state.mod === operation.modRevision;
      // Unknown and refused is the same as never done, which the search tries anyway.
      const changed = answer?.changed ?? true;
      if (equal !== undefined && equal !== changed) return undefined;
      return changed
        ? written(operation.value, answer, state)
        : observed(
            answer?.kvs.find((kv) => kv.key === key),
            state,
          );
    }
    case 'read':
      return observed(
        answer?.kvs.find((kv) => kv.key === key),
        state,
      );
    case 'compact':
      return state;
  }
}

function written(value: string, answer: Answer | undefined, state: KeyState): KeyState {
  return { value, mod: answer?.revision, version: state.version === undefined ? undefined : state.version + 1 };
}

function observed(kv: KeyValue | undefined, state: KeyState): KeyState | undefined {
  if (kv === undefined) return state.value === undefined ? state : undefined;
  if (state.value !== kv.value) return undefined;
  if (state.mod !== undefined && state.mod !== kv.modRevision) return undefined;
  if (state.version !== undefined && state.version !== kv.version) return undefined;
  return { value: kv.value, mod: kv.modRevision, version: kv.version };
}

function searchKey(key: string, operations: readonly KeyOperation[], limitStates: number): Verdict {
  const sorted = operations.toSorted((a, b) => a.calledAt - b.calledAt);
  const completed = sorted.filter((operation) => operation.returnedAt !== Number.POSITIVE_INFINITY).length;
  const done = sorted.map(() => false);
  const seen = new Set<string>();
  // The furthest that an order got, and what it could not explain there.
  let best = Number.POSITIVE_INFINITY;
  let stuckAt: KeyOperation | undefined;
  // Depth first with an own stack: each frame is a point to return to.
  const stack: { state: KeyState; taken: number; next: number; left: number; first: number }[] = [];
  let frame = { state: absent, taken: -1, next: 0, left: completed, first: 0 };
  for (;;) {
    if (frame.left === 0) return { outcome: 'linearizable' };
    const found = nextOperation(sorted, done, frame);
    if (found === undefined) {
      if (frame.left < best) {
        best = frame.left;
        stuckAt = firstOpen(sorted, done);
      }
      const back = stack.pop();
      if (back === undefined) return violation(key, stuckAt);
      done[frame.taken] = false;
      frame = back;
      continue;
    }
    frame.next = found.index + 1;
    done[found.index] = true;
    let first = frame.first;
    while (done[first] === true) first += 1;
    const memory = fingerprint(done, first, found.state);
    if (seen.has(memory)) {
      done[found.index] = false;
      continue;
    }
    if (seen.size >= limitStates) return { outcome: 'undecided', key };
    seen.add(memory);
    const left = frame.left - ((sorted[found.index] as KeyOperation).returnedAt === Number.POSITIVE_INFINITY ? 0 : 1);
    stack.push(frame);
    frame = { state: found.state, taken: found.index, next: first, left, first };
  }
}

/** The next operation that may come first among what is left: called before anything left returned. */
function nextOperation(
  sorted: readonly KeyOperation[],
  done: readonly boolean[],
  frame: { readonly state: KeyState; readonly next: number; readonly first: number },
): { index: number; state: KeyState } | undefined {
  let firstReturn = Number.POSITIVE_INFINITY;
  for (let i = frame.first; i < sorted.length; i++) {
    const operation = sorted[i] as KeyOperation;
    if (operation.calledAt > firstReturn) return undefined;
    if (done[i] === true) continue;
    firstReturn = Math.min(firstReturn, operation.returnedAt);
    if (i < frame.next) continue;
    const state = operation.step(frame.state);
    if (state !== undefined) return { index: i, state };
  }
  return undefined;
}

function fingerprint(done: readonly boolean[], first: number, state: KeyState): string {
  let last = done.length;
  while (last > first && done[last - 1] !== true) last -= 1;
  let bits = '';
  for (let i = first; i < last; i++) bits += done[i] === true ? '1' : '0';
  return `${first} ${bits} ${state.value} ${state.mod} ${state.version}`;
}

function firstOpen(sorted: readonly KeyOperation[], done: readonly boolean[]): KeyOperation | undefined {
  let earliest: KeyOperation | undefined;
  for (const [i, operation] of sorted.entries()) {
    if (done[i] !== true && (earliest === undefined || operation.returnedAt < earliest.returnedAt))
      earliest = operation;
  }
  return earliest;
}

function violation(key: string, stuckAt: KeyOperation | undefined): Verdict {
  const text = stuckAt === undefined ? 'no order exists' : `no order explains ${JSON.stringify(stuckAt.entry)}`;
  return { outcome: 'violation', key, text: `not linearizable, key ${key}: ${text}` };
}
