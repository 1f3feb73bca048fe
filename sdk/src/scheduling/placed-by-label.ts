/** On which nodes pods with a label are: whoever counts them need not look at all nodes. */
import type { PodInfo } from '../contracts/scheduler/index.ts';
import type { CountedPods } from './label-usage.ts';

/** Of more keys the one that was not asked for the longest time is forgotten, and looked up anew when somebody asks. */
const keysLimit = 16;

/** By value, then by row: how many pods. */
type Places = Map<string, Map<number, number>>;

const nowhere: readonly number[] = [];

function change(places: Places, key: string, row: number, { class: { labels } }: PodInfo, by: 1 | -1): void {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  if (value === undefined) return;
  const rows = places.get(value) ?? new Map<number, number>();
  const pods = (rows.get(row) ?? 0) + by;
  if (pods === 0) rows.delete(row);
  else rows.set(row, pods);
  if (rows.size === 0) places.delete(value);
  else places.set(value, rows);
}

export class PlacedByLabel {
  readonly #pods: CountedPods;
  /** The least recently asked first. */
  readonly #keys = new Map<string, Places>();

  constructor(pods: CountedPods) {
    this.#pods = pods;
  }

  /** Rows with pods that have the label. */
  rowsWith(key: string, value: string): Iterable<number> {
    const places = this.#keys.get(key) ?? this.#lookedUp(key);
    this.#keys.delete(key);
    this.#keys.set(key, places);
    for (const oldest of this.#keys.keys()) {
      if (this.#keys.size <= keysLimit) break;
      this.#keys.delete(oldest);
    }
    return places.get(value)?.keys() ?? nowhere;
  }

  /** `by`: 1 for a pod that comes, -1 for one that goes. */
  count(row: number, pod: PodInfo, by: 1 | -1): void {
    for (const [key, places] of this.#keys) change(places, key, row, pod, by);
  }

  #lookedUp(key: string): Places {
    const places: Places = new Map();
    for (let row = 0; row < this.#pods.size; row += 1) {
      for (const pod of this.#pods.podsOf(row)) change(places, key, row, pod, 1);
    }
    return places;
  }
}
