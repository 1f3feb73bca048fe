/** What is wrong with an expression. */

export interface CelProblem {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly message: string;
}

/** As cel-go prints them, with the line and a mark below the place: what API servers answer after `compilation failed: `. */
export function celProblemsText(expression: string, problems: readonly CelProblem[]): string {
  const lines = expression.split('\n');
  return problems
    .map(({ line, column, message }) => {
      const source = lines[line - 1] ?? '';
      return `ERROR: <input>:${line}:${column}: ${message}\n | ${source.replaceAll('\t', ' ')}\n | ${'.'.repeat(column - 1)}^`;
    })
    .join('\n');
}
