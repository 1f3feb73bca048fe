/** Runs operations on the set of plugins one after the other: none sees a half-done other. */
export class Operations {
  private tail: Promise<unknown> = Promise.resolve();
  private readonly onLost: (error: unknown) => void;

  constructor(onLost: (error: unknown) => void) {
    this.onLost = onLost;
  }

  run<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.tail.then(operation);
    this.tail = result.catch(() => undefined);
    return result;
  }

  /** For operations that nobody waits for. */
  background(operation: () => Promise<void>): void {
    this.run(operation).catch((error: unknown) => this.onLost(error));
  }
}
