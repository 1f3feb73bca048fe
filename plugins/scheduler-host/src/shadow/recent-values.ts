/** The last values of something that is measured, for quantiles. */
export class RecentValues {
  readonly #values: Float64Array;
  #count = 0;

  constructor(limit: number = 1024) {
    this.#values = new Float64Array(limit);
  }

  /** Values ever. */
  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    this.#values[this.#count % this.#values.length] = value;
    this.#count += 1;
  }

  /** Nearest rank of each; 0 without values. */
  quantiles(...wanted: readonly number[]): number[] {
    const kept = this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort();
    return wanted.map((share) => kept[Math.max(0, Math.ceil(share * kept.length) - 1)] ?? 0);
  }
}
