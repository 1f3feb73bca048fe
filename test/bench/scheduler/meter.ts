/** Times of measured pods, from creation to binding. */
import type { Pod } from '@timonel/sdk/kube';
import { p50p99, podKey } from './cluster.ts';

export interface Times {
  readonly pods: number;
  readonly bound: number;
  /** From the first creation to the last binding. */
  readonly seconds: number;
  readonly createToBoundMs: { readonly p50: number; readonly p99: number };
}

export class Meter {
  #isMeasured: ((pod: Pod) => boolean) | undefined;
  readonly #created = new Map<string, number>();
  readonly #delays: number[] = [];
  #first = Number.NaN;
  #last = Number.NaN;

  get isOn(): boolean {
    return this.#isMeasured !== undefined;
  }

  begin(isMeasured: (pod: Pod) => boolean): void {
    if (this.isOn) throw new Error('one collection of metrics has begun before the one before has ended');
    this.#isMeasured = isMeasured;
    this.#created.clear();
    this.#delays.length = 0;
    this.#first = Number.NaN;
    this.#last = Number.NaN;
  }

  created(pod: Pod, at: number): void {
    if (this.#isMeasured?.(pod) !== true) return;
    this.#created.set(podKey(pod), at);
    if (Number.isNaN(this.#first)) this.#first = at;
  }

  isMeasured(key: string): boolean {
    return this.#created.has(key);
  }

  bound(key: string, at: number): void {
    const created = this.#created.get(key);
    if (created === undefined) return;
    this.#created.delete(key);
    this.#delays.push(at - created);
    this.#last = at;
  }

  /** A pod that is still not bound counts with its age. */
  end(now: number): Times {
    if (!this.isOn) throw new Error('a collection of metrics ends that has not begun');
    this.#isMeasured = undefined;
    const late = [...this.#created.values()].map((created) => now - created);
    this.#created.clear();
    const bound = this.#delays.length;
    return {
      pods: bound + late.length,
      bound,
      seconds: (this.#last - this.#first) / 1000,
      createToBoundMs: p50p99([...this.#delays, ...late]),
    };
  }
}
