/** Signals that ask for the end, from now on: also those that come before anybody can be told of them. */
export class StopSignals {
  readonly #take = (signal: NodeJS.Signals): void => {
    if (this.#tell === undefined) this.#early.push(signal);
    else this.#tell(signal);
  };
  readonly #early: NodeJS.Signals[] = [];
  #tell: ((signal: NodeJS.Signals) => void) | undefined;

  constructor() {
    process.on('SIGINT', this.#take).on('SIGTERM', this.#take);
  }

  tell(listener: (signal: NodeJS.Signals) => void): void {
    this.#tell = listener;
    for (const signal of this.#early.splice(0)) listener(signal);
  }

  close(): void {
    process.off('SIGINT', this.#take).off('SIGTERM', this.#take);
  }
}
