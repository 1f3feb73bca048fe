/** Regular expressions of RE2, which take time that is linear in the text. */
import { RE2JS } from 're2js';
import { CelError, type CelMeter } from '../values/value.ts';

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

/** Steps of reading a letter of a pattern, and of making an instruction: loops may make patterns that nobody has seen. */
const letterWork = 100;
const instructionWork = 400;

/** Bounds what is remembered. */
const capacity = 100;

/** Remembers those that were used last: most come from literals, and are used again and again. */
export class PatternCache {
  readonly #known = new Map<string, RE2JS | CelError>();

  get(pattern: string, meter: CelMeter): RE2JS | CelError {
    const known = this.#known.get(pattern);
    if (known !== undefined) return known;
    meter.work(pattern.length * letterWork);
    const made = compilePattern(pattern);
    if (!('celKind' in made)) meter.work(made.programSize() * instructionWork);
    const oldest = this.#known.size >= capacity ? this.#known.keys().next().value : undefined;
    if (oldest !== undefined) this.#known.delete(oldest);
    this.#known.set(pattern, made);
    return made;
  }
}

/** Repetitions such as `(a|b){1000}` are short to write and long to run: at worst each letter meets each instruction of the program. */
export const matchWork = (letters: number, pattern: RE2JS): number =>
  letters + Math.floor((letters * pattern.programSize()) / 4);

export const patterns: PatternCache = new PatternCache();
