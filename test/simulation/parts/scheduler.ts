/** What is under way in simulated time. `cancel` has no effect once it ran. */
export interface SimTimer {
  cancel(): void;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/**
 * The one clock and the one queue of a simulation. Events of the same time run in the order in which they were made, so a
 * run depends on nothing but its seed.
 */
export class Scheduler {
  #nowMs = 0;
  #order = 0;
  #steps = 0;
  readonly #heap: Event[] = [];

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events ran. */
  get steps(): number {
    return this.#steps;
  }

  /** Times are whole microseconds: sums of fractions would make the order depend on rounding. */
  after(delayMs: number, run: () => void): SimTimer {
    if (!(delayMs >= 0)) throw new Error(`a delay of ${delayMs} ms`);
    const event: Event = { atMs: Math.round((this.#nowMs + delayMs) * 1_000) / 1_000, order: this.#order++, run };
    this.#push(event);
    return { cancel: () => (event.run = undefined) };
  }

  /** Runs what is due up to `untilMs`, or until `done` says so. */
  runUntil(untilMs: number, done: () => boolean = () => false): void {
    while (!done()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return;
      }
      this.#pop();
      if (next.run === undefined) continue;
      this.#nowMs = next.atMs;
      this.#steps += 1;
      next.run();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (!before(heap[child] as Event, last)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
