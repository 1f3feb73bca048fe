/** Things that mean certain pods, and which of them mean the pods of a class: asked once for a class and a thing. */
import type { PodClass, PodMatcher } from '../contracts/scheduler/index.ts';

interface Known<T> {
  readonly list: T[];
  /** So many of the items have been asked. */
  asked: number;
}

/** The answers for more classes are forgotten, and found out anew. */
const classesLimit = 10_000;

export class MatcherIndex<T> {
  readonly #matcherOf: (item: T) => PodMatcher;
  readonly #labelsOf: (namespace: string) => Readonly<Record<string, string>>;
  #items: T[] = [];
  readonly #known = new Map<PodClass, Known<T>>();

  constructor(matcherOf: (item: T) => PodMatcher, labelsOf: (namespace: string) => Readonly<Record<string, string>>) {
    this.#matcherOf = matcherOf;
    this.#labelsOf = labelsOf;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  add(item: T): void {
    this.#items.push(item);
  }

  /** Keeps only some. */
  retain(isKept: (item: T) => boolean): void {
    this.#items = this.#items.filter(isKept);
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
    for (; known.asked < this.#items.length; known.asked += 1) {
      const item = this.#items[known.asked] as T;
      if (this.#matcherOf(item).matches(pod, this.#labelsOf(pod.namespace))) known.list.push(item);
    }
    return known.list;
  }
}
