/** Calls a listener of a consumer; its faults are the consumer's. */
export type Tell = (consumer: string, listener: () => void) => void;

/** Who wants to hear of a change, by consumer. */
export class Listeners {
  private readonly tell: Tell;
  private readonly entries = new Set<{ readonly consumer: string; readonly listener: () => void }>();

  constructor(tell: Tell) {
    this.tell = tell;
  }

  add(consumer: string, listener: () => void): void {
    this.entries.add({ consumer, listener });
  }

  release(consumer: string): void {
    for (const entry of this.entries) if (entry.consumer === consumer) this.entries.delete(entry);
  }

  /** Those that are added meanwhile hear of the next change. */
  changed(): void {
    for (const { consumer, listener } of Array.from(this.entries)) this.tell(consumer, listener);
  }
}
