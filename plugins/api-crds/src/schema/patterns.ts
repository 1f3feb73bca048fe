/** Regular expressions as Go has them, in time that is linear in the text. */
import { RE2JS } from 're2js';

/** Longer ones become programs that are far larger. */
const longest = 10_000;
const capacity = 200;
const known = new Map<string, RE2JS | string>();

function compiled(pattern: string): RE2JS | string {
  if (pattern.length > longest) return `error parsing regexp: longer than ${longest} characters`;
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    return (error as { readonly message: string }).message;
  }
}

function lookUp(pattern: string): RE2JS | string {
  let found = known.get(pattern);
  if (found !== undefined) return found;
  found = compiled(pattern);
  const oldest = known.size >= capacity ? known.keys().next().value : undefined;
  if (oldest !== undefined) known.delete(oldest);
  known.set(pattern, found);
  return found;
}

/** What is wrong with an expression. */
export function patternProblem(pattern: string): string | undefined {
  const found = lookUp(pattern);
  return typeof found === 'string' ? found : undefined;
}

/** Whether it matches somewhere in the text. One that cannot be compiled matches nothing. */
export function matchesPattern(pattern: string, text: string): boolean {
  const found = lookUp(pattern);
  return typeof found !== 'string' && found.test(text);
}
