/** Runs work in parallel, so many at once; the rest waits in order. */
export class Lanes {
  readonly #limit: number;
  readonly #onFault: (error: unknown) => void;
  readonly #waiting: (() => Promise<void>)[] = [];
  /** Where the next one is; the array is cut from time to time. */
  #head = 0;
  #running = 0;
  #onProgress: (() => void)[] = [];

  /** `onFault` is told of work that rejects; the rest goes on. */
  constructor(limit: number, onFault: (error: unknown) => void) {
    this.#limit = limit;
    this.#onFault = onFault;
  }

  /** Under way or waiting. */
  get size(): number {
    return this.#running + this.#waiting.length - this.#head;
  }

  run(work: () => Promise<void>): void {
    if (this.#running < this.#limit) void this.#work(work);
    else this.#waiting.push(work);
  }

  /** Resolves once there are at most so many. */
  async below(size: number): Promise<void> {
    while (this.size > size) {
      await new Promise<void>((resolve) => this.#onProgress.push(resolve));
    }
  }

  async #work(first: () => Promise<void>): Promise<void> {
    this.#running += 1;
    for (let work: (() => Promise<void>) | undefined = first; work !== undefined; work = this.#next()) {
      try {
        await work();
      } catch (error) {
        this.#onFault(error);
      }
      this.#tell();
    }
    this.#running -= 1;
    this.#tell();
  }

  #tell(): void {
    if (this.#onProgress.length === 0) return;
    for (const resolve of this.#onProgress.splice(0)) resolve();
  }

  #next(): (() => Promise<void>) | undefined {
    const work = this.#waiting[this.#head];
    this.#head += 1;
    if (this.#head >= this.#waiting.length || this.#head > 1024) {
      this.#waiting.splice(0, this.#head);
      this.#head = 0;
    }
    return work;
  }
}
