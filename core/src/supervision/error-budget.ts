/** Counts faults within a sliding window. */
export class ErrorBudget {
  private readonly limit: number;
  private readonly windowMs: number;
  private times: number[] = [];

  constructor(limit: number, windowMs: number) {
    this.limit = limit;
    this.windowMs = windowMs;
  }

  /** Counts one fault; true when there are more than the limit allows. */
  spend(nowMs: number): boolean {
    this.times = this.times.filter((time) => nowMs - time < this.windowMs);
    this.times.push(nowMs);
    return this.times.length > this.limit;
  }

  reset(): void {
    this.times = [];
  }
}
