import type { Answer, Operation } from './operation.ts';

export interface HistoryEntry {
  readonly id: number;
  readonly client: string;
  readonly sequence: number;
  readonly operation: Operation;
  readonly calledAt: number;
  readonly calledAtMs: number;
  /** undefined: the outcome is unknown. It may have happened at any time after the call, or never. */
  returned:
    | { readonly at: number; readonly answer: Answer; readonly member: string; readonly attempts: number }
    | undefined;
}

/** What the clients saw. Times are places in one order of all events, so that nothing is simultaneous. */
export class History {
  readonly entries: HistoryEntry[] = [];
  readonly #nowMs: () => number;
  #order = 0;

  constructor(nowMs: () => number = () => 0) {
    this.#nowMs = nowMs;
  }

  /** A place in the order, for what others record beside the clients. */
  tick(): number {
    return ++this.#order;
  }

  call(client: string, sequence: number, operation: Operation): HistoryEntry {
    const entry: HistoryEntry = {
      id: this.entries.length,
      client,
      sequence,
      operation,
      calledAt: this.tick(),
      calledAtMs: this.#nowMs(),
      returned: undefined,
    };
    this.entries.push(entry);
    return entry;
  }

  return(entry: HistoryEntry, answer: Answer, member: string, attempts: number): void {
    if (entry.returned !== undefined) throw new Error(`operation ${entry.id} returned twice`);
    entry.returned = { at: this.tick(), answer, member, attempts };
  }
}
