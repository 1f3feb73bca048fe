/** Places of problems. */
import type { CelProblem } from '../problem.ts';

/** Ends the reading of an expression. */
export class CelSyntaxError extends Error {
  readonly code = 'CelSyntax';
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

/** Lines and columns count from 1, columns in code points. */
export function problemAt(text: string, at: number, message: string): CelProblem {
  const before = text.slice(0, at);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: Array.from(before.slice(lineStart)).length + 1, message };
}
