/**
 * What a run did, as a hash over every line, with the last lines kept to read. Two runs of one seed must give the same hash.
 */
export class Trace {
  #high = 0x811c9dc5;
  #low = 0x1b873593;
  #count = 0;
  readonly #lines: string[] = [];
  readonly #keep: number;
  readonly #print: ((line: string) => void) | undefined;

  constructor(keep: number, print?: (line: string) => void) {
    this.#keep = keep;
    this.#print = print;
  }

  add(atMs: number, text: string): void {
    const line = `${atMs.toFixed(3)} ${text}`;
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      this.#high = Math.imul(this.#high ^ code, 0x01000193);
      this.#low = Math.imul(this.#low ^ code, 0x5bd1e995) + this.#high;
    }
    this.#low |= 0;
    this.#count += 1;
    this.#print?.(line);
    if (this.#keep === 0) return;
    this.#lines.push(line);
    if (this.#lines.length > this.#keep * 2) this.#lines.splice(0, this.#keep);
  }

  /** Only for who reads along: not in the hash, not kept. */
  detail(atMs: number, text: () => string): void {
    this.#print?.(`${atMs.toFixed(3)}   . ${text()}`);
  }

  get count(): number {
    return this.#count;
  }

  hash(): string {
    return hex(this.#high) + hex(this.#low);
  }

  tail(): readonly string[] {
    return this.#lines.slice(-this.#keep);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
