import { Script } from 'node:vm';

// Found by the script in the global object of the process, which is not that of a test's sandbox.
const slotName = 'timonel.core.callWithin';
const slot = new Script(`globalThis[Symbol.for('${slotName}')] ??= {}`).runInThisContext() as { fn?: () => unknown };
const script = new Script(`globalThis[Symbol.for('${slotName}')].fn()`, { filename: 'timonel:call-within' });

/** What {@link callWithin} returns instead of a result. */
export const cutOff: unique symbol = Symbol('cut off');

/**
 * Calls `fn`, and cuts it off when it has not returned after `limitMs` (at least 1): a loop without end then costs that
 * time and not the process. Only what runs before `fn` returns is limited, nothing after an `await`. What is cut off ends
 * where it stands, without its `catch` and `finally`. Promise reactions of others are not touched.
 *
 * A call costs about 0.1 ms: for each one, Node starts a thread that watches the clock.
 */
export function callWithin<T>(limitMs: number, fn: () => T): T | typeof cutOff {
  let outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  slot.fn = () => {
    try {
      outcome = { value: fn() };
    } catch (error) {
      outcome = { error };
    }
  };
  try {
    script.runInThisContext({ timeout: Math.max(1, Math.ceil(limitMs)), displayErrors: false });
  } catch {
    // The time may also be over when it has just returned: what it gave is kept then.
  }
  if (outcome === undefined) return cutOff;
  if ('error' in outcome) throw outcome.error;
  return outcome.value;
}
