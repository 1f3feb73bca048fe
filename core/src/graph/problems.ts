import { KernelError, type KernelErrorCode } from '@timonel/sdk';

/** One reason why a set of plugins cannot start. */
export interface GraphProblem {
  readonly code: KernelErrorCode;
  readonly plugin: string;
  readonly message: string;
}

/** `'a', 'b'` */
export function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ');
}

/** Every problem of a set of plugins at once. Code: ERR_GRAPH. */
export class GraphError extends KernelError {
  readonly problems: readonly GraphProblem[];

  constructor(problems: readonly GraphProblem[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
    const lines = problems.map(({ code, message }) => `  - ${message} [${code}]`);
    super('ERR_GRAPH', `the plugins cannot start: ${count}\n${lines.join('\n')}`);
    this.problems = problems;
  }
}

/** The problems of one plugin as the error of one operation: the code of the first, the messages of all. */
export function problemsError(problems: readonly GraphProblem[]): KernelError {
  const [first] = problems;
  if (first === undefined) return new KernelError('ERR_INVARIANT', 'no problem was given');
  return new KernelError(first.code, problems.map(({ message }) => message).join('; '), { plugin: first.plugin });
}
