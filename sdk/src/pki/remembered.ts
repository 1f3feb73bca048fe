/** Answers of pure functions of texts, for those who look at the same files again and again. Bounded; holds no text, which may be a key. */
import { createHash } from 'node:crypto';

const limit = 256;

/** `compute` with the answers to the last {@link limit} different texts kept. What it throws is not kept. */
export function remembered<T>(compute: (...texts: readonly string[]) => T): (...texts: readonly string[]) => T {
  const known = new Map<string, T>();
  return (...texts) => {
    const hash = createHash('sha256');
    for (const text of texts) hash.update(`${text.length}:`).update(text);
    const key = hash.digest('base64');
    const found = known.get(key);
    if (found !== undefined) return found;
    const made = compute(...texts);
    known.set(key, made);
    for (const oldest of known.keys()) {
      if (known.size <= limit) break;
      known.delete(oldest);
    }
    return made;
  };
}
