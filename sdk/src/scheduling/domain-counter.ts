import type { DomainCounts } from '../contracts/scheduler/index.ts';

/** Counts by domain; a domain is an index, -1 stands for none. */
export class DomainCounter implements DomainCounts {
  #counts = new Int32Array(16);
  #total = 0;
  #outside = 0;

  get total(): number {
    return this.#total;
  }

  get inDomains(): number {
    return this.#total - this.#outside;
  }

  of(domain: number): number {
    return this.#counts[domain] ?? 0;
  }

  add(domain: number, change: number): void {
    this.#total += change;
    if (domain < 0) {
      this.#outside += change;
      return;
    }
    if (domain >= this.#counts.length) {
      const grown = new Int32Array(Math.max(domain + 1, this.#counts.length * 2));
      grown.set(this.#counts);
      this.#counts = grown;
    }
    this.#counts[domain] = (this.#counts[domain] ?? 0) + change;
  }
}
