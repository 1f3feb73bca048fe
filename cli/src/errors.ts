/** Exit codes of the command, as `docs/reference/cli.md` lists them. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** No cluster answers there. */
  unreachable: 3,
  /** Another process has it: data directory, port. */
  busy: 4,
} as const;

/** An expected failure: one sentence that says what is wrong and what to do, and the exit code. */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.failure, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exitCode = exitCode;
  }
}
