import { objectKey, type KubeObject } from '../kube/index.ts';

/** Puts an object under zero, one or more values of an index. Must depend on the object alone. */
export type IndexFunction<T> = (object: T) => string | readonly string[] | undefined;

interface Index<T> {
  readonly valuesOf: IndexFunction<T>;
  readonly buckets: Map<string, Map<string, T>>;
}

/** Objects by key, and by the values of any number of indexes. */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  get size(): number {
    return this.#objects.size;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.#objects.values();
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { valuesOf, buckets: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) enter(index, key, object);
  }

  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new RangeError(`the informer has no index "${name}": name it in the options`);
    return [...(index.buckets.get(value)?.values() ?? [])];
  }

  /** Stores the object; answers what was there before. */
  set(object: T): T | undefined {
    const key = objectKey(object);
    const old = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) {
      if (old !== undefined) leave(index, key, old);
      enter(index, key, object);
    }
    return old;
  }

  delete(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (old === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) leave(index, key, old);
    return old;
  }
}

function valuesIn<T>(index: Index<T>, object: T): readonly string[] {
  const values = index.valuesOf(object);
  if (values === undefined) return [];
  return typeof values === 'string' ? [values] : values;
}

function enter<T>(index: Index<T>, key: string, object: T): void {
  for (const value of valuesIn(index, object)) {
    const bucket = index.buckets.get(value);
    if (bucket === undefined) index.buckets.set(value, new Map([[key, object]]));
    else bucket.set(key, object);
  }
}

function leave<T>(index: Index<T>, key: string, object: T): void {
  for (const value of valuesIn(index, object)) {
    const bucket = index.buckets.get(value);
    bucket?.delete(key);
    if (bucket?.size === 0) index.buckets.delete(value);
  }
}
