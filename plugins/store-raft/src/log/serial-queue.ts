/** Runs one job after the other, in the order of the calls. A job that fails does not stop those behind it. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job);
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Resolves when all jobs up to now have ended. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
