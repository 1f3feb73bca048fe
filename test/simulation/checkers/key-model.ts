/** What one key, or one lease, can answer when it exists once: the model that an order of operations is held against. */
import type { HistoryEntry } from '../workload/history.ts';
import type { Answer, KeyValue, Operation } from '../workload/operation.ts';

/**
 * Of a key: what is known of it; `mod` is undefined after a write whose answer, and so its revision, never came. Of a lease:
 * `value` says whether it runs.
 */
export interface KeyState {
  readonly value: string | undefined;
  readonly mod: number | undefined;
  readonly version: number | undefined;
  readonly lease: number;
}

export interface KeyOperation {
  readonly entry: HistoryEntry;
  readonly calledAt: number;
  readonly returnedAt: number;
  /** Operations of unknown outcome with the same name here do the same, as far as anyone saw: only the first of them need be tried. */
  readonly twins: string | undefined;
  /** The state after the operation, or undefined when it could not have been answered so in this state. */
  readonly step: (state: KeyState) => KeyState | undefined;
}

export const absent: KeyState = { value: undefined, mod: 0, version: 0, lease: 0 };
const granted: KeyState = { ...absent, value: 'granted' };
const ended: KeyState = { ...absent, value: 'ended' };

/** The operations of each key and of each lease, for keys and leases can be judged each for itself: linearizability is local. */
export function operationsByKey(history: readonly HistoryEntry[]): ReadonlyMap<string, readonly KeyOperation[]> {
  const byKey = new Map<string, KeyOperation[]>();
  const seen = new Set(history.flatMap(({ returned }) => returned?.answer.kvs.map(({ value }) => value) ?? []));
  const add = (key: string, entry: HistoryEntry, step: KeyOperation['step']): void => {
    const list = byKey.get(key) ?? [];
    const { calledAt, returned } = entry;
    const twins = returned === undefined ? twinsOf(entry.operation, seen) : undefined;
    list.push({ entry, calledAt, returnedAt: returned?.at ?? Number.POSITIVE_INFINITY, twins, step });
    byKey.set(key, list);
  };
  const keys = new Set(history.flatMap(({ operation }) => writtenKeys(operation)));
  const keysOfLeases = attachedKeys(history);
  for (const entry of history) {
    const { operation } = entry;
    const answer = entry.returned?.answer;
    // What only asks and got no answer says nothing.
    if (answer === undefined && (operation.type === 'read' || operation.type === 'keepAlive')) continue;
    for (const key of touchedKeys(operation, keys, keysOfLeases)) {
      const plain = withoutUnseen(operation, seen);
      add(key, entry, (state) => step(plain, answer, key, state));
    }
    const lease = leaseOf(operation, answer);
    if (lease !== 0) add(`lease ${lease}`, entry, (state) => stepOfLease(operation, answer, state));
  }
  return byKey;
}

const unseen = 'a value that nobody saw';

function twinsOf(operation: Operation, seen: ReadonlySet<string>): string | undefined {
  switch (operation.type) {
    case 'put':
      return seen.has(operation.value) ? undefined : `put ${operation.lease ?? 0}`;
    case 'compareAndPut':
      return seen.has(operation.value) ? undefined : `compare ${operation.modRevision}`;
    case 'delete':
      return 'delete';
    case 'revoke':
    case 'expire':
      return `end ${operation.leaseId}`;
    default:
      return undefined;
  }
}

/** Values that nobody saw make no difference, so that states with them are equal. */
function withoutUnseen(operation: Operation, seen: ReadonlySet<string>): Operation {
  if (operation.type !== 'put' && operation.type !== 'compareAndPut') return operation;
  return seen.has(operation.value) ? operation : { ...operation, value: unseen };
}

function attachedKeys(history: readonly HistoryEntry[]): ReadonlyMap<number, ReadonlySet<string>> {
  const keysOfLeases = new Map<number, Set<string>>();
  for (const { operation } of history) {
    if (operation.type !== 'put' || operation.lease === undefined) continue;
    const keys = keysOfLeases.get(operation.lease) ?? new Set();
    for (const key of operation.keys) keys.add(key);
    keysOfLeases.set(operation.lease, keys);
  }
  return keysOfLeases;
}

function writtenKeys(operation: Operation): readonly string[] {
  if (operation.type === 'put') return operation.keys;
  return operation.type === 'delete' || operation.type === 'compareAndPut' ? [operation.key] : [];
}

function touchedKeys(
  operation: Operation,
  known: ReadonlySet<string>,
  keysOfLeases: ReadonlyMap<number, ReadonlySet<string>>,
): Iterable<string> {
  if (operation.type === 'revoke' || operation.type === 'expire') return keysOfLeases.get(operation.leaseId) ?? [];
  if (operation.type !== 'read') return writtenKeys(operation);
  if (!operation.linearizable) return [];
  return [...known].filter((key) => key >= operation.from && key < operation.to);
}

function leaseOf(operation: Operation, answer: Answer | undefined): number {
  switch (operation.type) {
    case 'grant':
      return answer?.lease ?? 0;
    case 'put':
      return operation.lease ?? 0;
    case 'keepAlive':
    case 'revoke':
    case 'expire':
      return operation.leaseId;
    default:
      return 0;
  }
}

function step(operation: Operation, answer: Answer | undefined, key: string, state: KeyState): KeyState | undefined {
  switch (operation.type) {
    case 'put':
      // Its lease had ended, so no key hangs on it.
      if (answer?.lease === 0) return state.lease === operation.lease ? undefined : state;
      return written(operation.value, answer, state, operation.lease);
    case 'delete':
      if (answer !== undefined && answer.changed !== (state.value !== undefined)) return undefined;
      return absent;
    case 'compareAndPut': {
      const equal = state.mod === undefined ? undefined : state.mod === operation.modRevision;
      // Unknown and refused is the same as never done, which the search tries anyway.
      const changed = answer?.changed ?? true;
      if (equal !== undefined && equal !== changed) return undefined;
      return changed ? written(operation.value, answer, state, 0) : observed(valueIn(answer, key), state);
    }
    case 'read':
      return observed(valueIn(answer, key), state);
    case 'revoke':
    case 'expire':
      if (state.lease !== operation.leaseId) return state;
      return answer?.lease === 0 ? undefined : absent;
    default:
      return state;
  }
}

function stepOfLease(operation: Operation, answer: Answer | undefined, state: KeyState): KeyState | undefined {
  const runs = state.value === granted.value;
  switch (operation.type) {
    case 'grant':
      return state.value === undefined ? granted : undefined;
    case 'put':
    case 'keepAlive':
      return answer === undefined || runs === (answer.lease !== 0) ? state : undefined;
    case 'revoke':
      return answer === undefined || runs === (answer.lease !== 0) ? ended : undefined;
    default:
      return ended;
  }
}

function valueIn(answer: Answer | undefined, key: string): KeyValue | undefined {
  return answer?.kvs.find((kv) => kv.key === key);
}

function written(value: string, answer: Answer | undefined, state: KeyState, lease = 0): KeyState {
  return { value, mod: answer?.revision, version: state.version === undefined ? undefined : state.version + 1, lease };
}

function observed(kv: KeyValue | undefined, state: KeyState): KeyState | undefined {
  if (kv === undefined) return state.value === undefined ? state : undefined;
  if (state.value !== kv.value || state.lease !== kv.lease) return undefined;
  if (state.mod !== undefined && state.mod !== kv.modRevision) return undefined;
  if (state.version !== undefined && state.version !== kv.version) return undefined;
  return { value: kv.value, mod: kv.modRevision, version: kv.version, lease: kv.lease };
}
