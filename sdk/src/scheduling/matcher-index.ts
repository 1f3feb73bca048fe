/** Things that mean certain pods, and which of them mean the pods of a class: asked once for a class and a thing. */
import type { PodClass, PodMatcher } from '../contracts/scheduler/index.ts';

interface Known<T> {
  readonly list: T[];
  /** So many of the items have been asked. */
  asked: number;
}

/** The answers for more classes are forgotten, and found out anew. */
const classesLimit = 10_000;

const labelText = (key: string, value: string): string => `${key}\0${value}`;

export class MatcherIndex<T> {
  readonly #matcherOf: (item: T) => PodMatcher;
  readonly #labelsOf: (namespace: string) => Readonly<Record<string, string>>;
  #items: T[] = [];
  /** Positions of items, ascending: of those that mean only pods with a label, and of the others. */
  readonly #byLabel = new Map<string, number[]>();
  readonly #others: number[] = [];
  readonly #known = new Map<PodClass, Known<T>>();

  constructor(matcherOf: (item: T) => PodMatcher, labelsOf: (namespace: string) => Readonly<Record<string, string>>) {
    this.#matcherOf = matcherOf;
    this.#labelsOf = labelsOf;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  add(item: T): void {
    const { label } = this.#matcherOf(item);
    const at = this.#items.length;
    this.#items.push(item);
    if (label === undefined) {
      this.#others.push(at);
      return;
    }
    const text = labelText(label.key, label.value);
    const positions = this.#byLabel.get(text);
    if (positions === undefined) this.#byLabel.set(text, [at]);
    else positions.push(at);
  }

  /** Keeps only some. */
  retain(isKept: (item: T) => boolean): void {
    const kept = this.#items.filter(isKept);
    this.#items = [];
    this.#byLabel.clear();
    this.#others.length = 0;
    for (const item of kept) this.add(item);
    this.forget();
  }

  /** Answers may be others than they were. */
  forget(): void {
    this.#known.clear();
  }

  /** Those that mean the pods of the class. */
  meaning(pod: PodClass): readonly T[] {
    let known = this.#known.get(pod);
    if (known === undefined) {
      if (this.#known.size >= classesLimit) this.#known.clear();
      known = { list: [], asked: 0 };
      this.#known.set(pod, known);
    }
    if (known.asked === this.#items.length) return known.list;
    this.#ask(pod, known, this.#others);
    for (const key of Object.keys(pod.labels)) {
      const positions = this.#byLabel.get(labelText(key, pod.labels[key] ?? ''));
      if (positions !== undefined) this.#ask(pod, known, positions);
    }
    known.asked = this.#items.length;
    return known.list;
  }

  /** Asks those that are new. */
  #ask(pod: PodClass, { list, asked }: Known<T>, positions: readonly number[]): void {
    let from = positions.length;
    while (from > 0 && (positions[from - 1] as number) >= asked) from -= 1;
    for (let at = from; at < positions.length; at += 1) {
      const item = this.#items[positions[at] as number] as T;
      if (this.#matcherOf(item).matches(pod, this.#labelsOf(pod.namespace))) list.push(item);
    }
  }
}
