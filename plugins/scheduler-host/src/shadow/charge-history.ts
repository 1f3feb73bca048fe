/** Who was in charge, as far as one can go back. */
const historyLimit = 16;

export class ChargeHistory {
  /** The one before is last. */
  readonly #before: string[] = [];
  #current: string | undefined;

  /** Going back to the one before takes one step back, whoever does it; so going back twice does not lead to and fro. */
  took(name: string): void {
    if (name === this.#current) return;
    if (this.#before.at(-1) === name) this.#before.pop();
    else if (this.#current !== undefined) this.#before.push(this.#current);
    if (this.#before.length > historyLimit) this.#before.shift();
    this.#current = name;
  }

  get current(): string | undefined {
    return this.#current;
  }

  get previous(): string | undefined {
    return this.#before.at(-1);
  }
}
