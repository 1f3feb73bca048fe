/** Regular expressions of RE2, which take time that is linear in the text. */
import { RE2JS } from 're2js';
import { CelError } from '../values/value.ts';

/** Longer ones are refused: the programs they become are far larger. */
const maxPattern = 10_000;

/** An error says what is wrong, as Go does. */
export function compilePattern(pattern: string): RE2JS | CelError {
  if (pattern.length > maxPattern) return new CelError(`error parsing regexp: longer than ${maxPattern} characters`);
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    return new CelError((error as { readonly message: string }).message);
  }
}

/** Bounds what is remembered. */
const capacity = 100;

/** Remembers those that were used last: most come from literals, and are used again and again. */
export class PatternCache {
  readonly #known = new Map<string, RE2JS | CelError>();

  get(pattern: string): RE2JS | CelError {
    const known = this.#known.get(pattern);
    if (known !== undefined) return known;
    const made = compilePattern(pattern);
    const oldest = this.#known.size >= capacity ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(pattern, made);
    return made;
  }
}

/** Repetitions such as `(a|b){1000}` are short to write and long to run: at worst each letter meets each instruction of the program. */
export const matchWork = (text: string, pattern: RE2JS): number =>
  text.length + Math.floor((text.length * pattern.programSize()) / 4);

export const patterns: PatternCache = new PatternCache();
