import type { CelListType, CelType } from '../types/type.ts';
import { fromJson } from './json.ts';
import type { CelValue } from './value.ts';

/** Lists of values, or of JSON that is wrapped when it is looked at. */
export class CelList {
  readonly celKind = 'list';
  readonly #items: readonly unknown[];
  /** Of JSON; absent: the items are values. */
  readonly #element: CelType | undefined;
  /** Lists, maps and objects that were looked at: what they count is counted once. */
  #known: CelValue[] | undefined;
  /** What a schema says about order and keys. */
  readonly declared: CelListType | undefined;

  constructor(items: readonly unknown[], declared?: CelListType) {
    this.#items = items;
    this.#element = declared?.element;
    this.declared = declared;
  }

  /** A list of values. */
  static of(items: readonly CelValue[]): CelList {
    return new CelList(items);
  }

  get size(): number {
    return this.#items.length;
  }

  /** `index` lies within the list. */
  at(index: number): CelValue {
    if (this.#element === undefined) return this.#items[index] as CelValue;
    const known = this.#known?.[index];
    if (known !== undefined) return known;
    const value = fromJson(this.#items[index], this.#element);
    if (typeof value === 'object' && value !== null) (this.#known ??= [])[index] = value;
    return value;
  }

  values(): CelValue[] {
    if (this.#element === undefined) return [...(this.#items as CelValue[])];
    return Array.from({ length: this.size }, (_, index) => this.at(index));
  }
}
