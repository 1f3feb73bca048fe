/** Evaluations, and how they end. */
import { perCallCostLimit } from '../limits.ts';
import type { CelOutcome, CelRun } from '../program.ts';
import { isError } from '../values/value.ts';
import type { Code } from './build.ts';
import { Frame, Stop } from './frame.ts';

type Variables = Readonly<Record<string, unknown>>;

const stopped = {
  cost: 'operation cancelled: actual cost limit exceeded',
  interrupted: 'operation interrupted',
} as const;

function failed(error: unknown, { cost, worked: work }: Frame): CelOutcome {
  if (error instanceof Stop) {
    if (error.reason !== 'pending') return { ok: false, kind: 'cost', message: stopped[error.reason], cost, work };
    return { ok: false, kind: 'error', message: 'the authorizer has no answer yet', cost, work };
  }
  // Values of a host may nest deeper than the stack allows, or throw when they are read.
  const message = error instanceof RangeError ? 'values nest too deeply' : `internal error: ${String(error)}`;
  return { ok: false, kind: 'error', message, cost, work };
}

/** A promise: what has to be there before the next attempt. */
function attempt(code: Code, frame: Frame): CelOutcome | Promise<void> {
  try {
    const value = code.step(frame);
    const { cost, worked: work } = frame;
    return isError(value)
      ? { ok: false, kind: 'error', message: value.message, cost, work }
      : { ok: true, value, cost, work };
  } catch (error) {
    return (error instanceof Stop ? error.pending : undefined) ?? failed(error, frame);
  }
}

export function run(
  code: Code,
  variables: Variables,
  { costLimit = perCallCostLimit, interrupted, workLimit }: CelRun,
): CelOutcome {
  const frame = new Frame(code.variables, code.slots, variables, costLimit, interrupted, undefined, workLimit);
  const outcome = attempt(code, frame);
  if ('ok' in outcome) return outcome;
  // Nobody waits for it.
  outcome.catch(() => undefined);
  return failed(new Stop('pending'), frame);
}

/** Each attempt has one more answer; costs bound how many there are. */
export async function runAsync(code: Code, variables: Variables, options: CelRun): Promise<CelOutcome> {
  const { costLimit = perCallCostLimit, interrupted, workLimit } = options;
  const answers = new Map<string, unknown>();
  for (;;) {
    const frame = new Frame(code.variables, code.slots, variables, costLimit, interrupted, answers, workLimit);
    const outcome = attempt(code, frame);
    if ('ok' in outcome) return outcome;
    try {
      await outcome;
    } catch (error) {
      return failed(error, frame);
    }
  }
}
