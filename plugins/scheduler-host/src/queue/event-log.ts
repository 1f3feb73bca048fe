/** The events of late, for pods that are being decided while they come. */
import type { ClusterEvent } from '@timonel/sdk/contracts/scheduler';

export class EventLog {
  readonly #limit: number;
  #events: ClusterEvent[] = [];
  #first = 0;

  /** Of more than `limit` events the oldest are forgotten. */
  constructor(limit: number = 4096) {
    this.#limit = limit;
  }

  /** The number of the next event. */
  get mark(): number {
    return this.#first + this.#events.length;
  }

  add(events: readonly ClusterEvent[]): void {
    for (const event of events) this.#events.push(event);
    if (this.#events.length <= 2 * this.#limit) return;
    const surplus = this.#events.length - this.#limit;
    this.#events = this.#events.slice(surplus);
    this.#first += surplus;
  }

  /** Nobody asks for what was so far. */
  clear(): void {
    this.#first += this.#events.length;
    this.#events = [];
  }

  /** Events since a mark; undefined: some of them are forgotten. */
  since(mark: number): readonly ClusterEvent[] | undefined {
    if (mark < this.#first) return undefined;
    return mark === this.mark ? [] : this.#events.slice(mark - this.#first);
  }
}
