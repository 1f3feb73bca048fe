/** One job after the other for each key, in the order of the calls. A job that fails does not stop those behind it. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  run<T>(key: string, job: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const done = before.then(job);
    const settled = done.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return done;
  }

  /** Resolves when all jobs up to now have ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
