/** Which rows changed, in order: everybody who keeps something about rows catches up from where he was. */
const logLimit = 1 << 14;

export class RowChanges {
  readonly #log = new Int32Array(logLimit);
  #versions = new Float64Array(64);
  /** Changes ever. */
  #end = 0;

  /** The position to catch up from later. */
  get position(): number {
    return this.#end;
  }

  note(row: number): void {
    this.#log[this.#end % logLimit] = row;
    this.#end += 1;
    if (row >= this.#versions.length) {
      const grown = new Float64Array(Math.max(row + 1, this.#versions.length * 2));
      grown.set(this.#versions);
      this.#versions = grown;
    }
    this.#versions[row] = this.#end;
  }

  /** Grows with every change of the row. */
  versionOf(row: number): number {
    return this.#versions[row] ?? 0;
  }

  /**
   * Writes the rows changed since `position`, each once, into `rows`. `marks`: all 0, and again afterwards. Returns their number; -1: too many
   * changes, take all rows.
   */
  since(position: number, rows: Int32Array, marks: Uint8Array): number {
    if (this.#end - position > logLimit) return -1;
    let count = 0;
    for (let at = position; at < this.#end; at += 1) {
      const row = this.#log[at % logLimit] as number;
      if (marks[row] === 1) continue;
      marks[row] = 1;
      rows[count] = row;
      count += 1;
    }
    for (let at = 0; at < count; at += 1) marks[rows[at] as number] = 0;
    return count;
  }
}
