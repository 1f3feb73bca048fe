const capacity = 256;

/** The durations of the last 256 calls. */
export class Latency {
  private readonly samples = new Float64Array(capacity);
  private count = 0;

  record(ms: number): void {
    this.samples[this.count++ % capacity] = ms * 1000;
  }

  /** The `q` quantile (nearest rank) in µs; 0 without a sample. */
  quantileUs(q: number): number {
    const size = Math.min(this.count, capacity);
    if (size === 0) return 0;
    const sorted = this.samples.slice(0, size).sort();
    const value = sorted[Math.min(size - 1, Math.max(0, Math.ceil(q * size) - 1))] ?? 0;
    return Math.round(value * 10) / 10;
  }
}
