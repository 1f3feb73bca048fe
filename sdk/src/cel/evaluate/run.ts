/** Evaluations, and how they end. */
import { perCallCostLimit } from '../limits.ts';
import type { CelOutcome, CelRun } from '../program.ts';
import { isError } from '../values/value.ts';
import type { Code } from './build.ts';
import { Frame, Stop } from './frame.ts';

type Variables = Readonly<Record<string, unknown>>;

function failed(error: unknown, frame: Frame): CelOutcome {
  const { cost } = frame;
  if (error instanceof Stop) {
    if (error.reason === 'cost')
      return { ok: false, kind: 'cost', message: 'operation cancelled: actual cost limit exceeded', cost };
    return { ok: false, kind: 'cost', message: 'operation interrupted', cost };
  }
  // Values of a host may nest deeper than the stack allows, or throw when they are read.
  const message = error instanceof RangeError ? 'values nest too deeply' : `internal error: ${String(error)}`;
  return { ok: false, kind: 'error', message, cost };
}

function attempt(code: Code, frame: Frame): CelOutcome {
  try {
    const value = code.step(frame);
    return isError(value)
      ? { ok: false, kind: 'error', message: value.message, cost: frame.cost }
      : { ok: true, value, cost: frame.cost };
  } catch (error) {
    return failed(error, frame);
  }
}

export function run(
  code: Code,
  variables: Variables,
  { costLimit = perCallCostLimit, interrupted }: CelRun,
): CelOutcome {
  return attempt(code, new Frame(code.variables, code.slots, variables, costLimit, interrupted));
}

export async function runAsync(code: Code, variables: Variables, options: CelRun): Promise<CelOutcome> {
  return run(code, variables, options);
}
