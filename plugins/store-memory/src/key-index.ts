import { compareKeys, type KeyValue } from '@timonel/sdk/contracts/store';

/** A state of a key from a revision on: a value, or its absence after a deletion. */
export interface KeyVersion {
  readonly revision: number;
  readonly kv: KeyValue | undefined;
}

/** The retained versions of one key, oldest first. */
export interface KeyHistory {
  readonly key: string;
  versions: KeyVersion[];
}

const chunkKeys = 512;

/**
 * Keys with their histories, sorted by UTF-8 bytes: a list of sorted chunks of bounded size, so that an insertion moves
 * one chunk and not the whole list.
 */
export class KeyIndex {
  readonly #byKey = new Map<string, KeyHistory>();
  #chunks: KeyHistory[][] = [[]];

  get(key: string): KeyHistory | undefined {
    return this.#byKey.get(key);
  }

  /** The history of the key, made empty when there is none. */
  ensure(key: string): KeyHistory {
    const found = this.#byKey.get(key);
    if (found !== undefined) return found;
    const history: KeyHistory = { key, versions: [] };
    this.#byKey.set(key, history);
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at] ?? [];
    chunk.splice(lowerBound(chunk, key), 0, history);
    if (chunk.length > chunkKeys) this.#chunks.splice(at + 1, 0, chunk.splice(chunkKeys / 2));
    return history;
  }

  delete(key: string): void {
    if (!this.#byKey.delete(key)) return;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at] ?? [];
    chunk.splice(lowerBound(chunk, key), 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(at, 1);
  }

  /** Histories of the keys that begin with `prefix`, from `startKey` on. */
  *range(prefix: string, startKey: string): Generator<KeyHistory> {
    let at = this.#chunkOf(startKey);
    let within = lowerBound(this.#chunks[at] ?? [], startKey);
    for (; at < this.#chunks.length; at++, within = 0) {
      const chunk = this.#chunks[at] ?? [];
      for (; within < chunk.length; within++) {
        const history = chunk[within];
        if (history === undefined || !history.key.startsWith(prefix)) return;
        yield history;
      }
    }
  }

  /** The last chunk whose first key is not above `key`. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      const first = this.#chunks[middle]?.[0];
      if (first !== undefined && compareKeys(first.key, key) <= 0) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function lowerBound(chunk: readonly KeyHistory[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = chunk[middle];
    if (at !== undefined && compareKeys(at.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The state of a key as of `revision`. */
export function versionAt(history: KeyHistory, revision: number): KeyValue | undefined {
  const { versions } = history;
  const last = versions.at(-1);
  if (last === undefined || last.revision <= revision) return last?.kv;
  let low = 0;
  let high = versions.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((versions[middle]?.revision ?? 0) <= revision) low = middle + 1;
    else high = middle;
  }
  return versions[low - 1]?.kv;
}
