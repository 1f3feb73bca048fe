/** Ending a program at each of its steps: the steps are its own outward calls, told by itself, so that none is forgotten. */
export { countBuiltins, type BuiltinCall } from './builtins.ts';
export { countedService } from './service.ts';
export { countSyncFiles } from './sync-files.ts';

/** A row of docs/reference/reliability.md. */
export interface FaultStep {
  /** What was under way, as the program names it: `runtime.createContainer`, `files: mkdir pods/UID`. */
  readonly step: string;
  /** Who was ended, and when: `the agent, before it`. */
  readonly killed: string;
  /** `repaired`, or what was wrong afterwards. */
  readonly outcome: string;
}

/** The outcome of a step after which everything is as it should be. */
export const repaired = 'repaired';

/** Of a call: it was not made yet, it is under way, it was answered and nobody has taken in the answer. */
export type StepMoment = 'before' | 'during' | 'after';

/** Called at each moment of each step; it may end the process. */
export type AtStep = (step: string, moment: StepMoment) => void;

/** One outward call with its three moments. */
export function stepped<T>(at: AtStep, step: string, call: () => Promise<T>): Promise<T> {
  at(step, 'before');
  const answer = call();
  at(step, 'during');
  return answer.finally(() => at(step, 'after'));
}
