/** Outcomes of the extension points. Expected ones are values; a throw is a fault of the plugin. */

/**
 * - `success`: go on.
 * - `unschedulable`: no; the removal of pods could help.
 * - `unresolvable`: no; only a change of nodes or of the pod could help.
 * - `pending`: not before something happens outside (a gate, a claim).
 * - `wait`: Permit only: ask again when somebody allows it.
 * - `skip`: the plugin has nothing to do with this pod.
 */
export type StatusCode = 'success' | 'unschedulable' | 'unresolvable' | 'pending' | 'wait' | 'skip';

export interface Status {
  readonly code: StatusCode;
  /** For programs: `volume-binding-claim-missing`. */
  readonly reasonCode?: string;
  /** For people. */
  readonly reason?: string;
  /** Of a refusal by PreFilter: figures and names behind it, and the smallest change that would help. */
  readonly detail?: Readonly<Record<string, unknown>>;
  readonly unblock?: string;
  /** With `wait`: for how long at most. */
  readonly timeoutMs?: number;
}

export const success: Status = Object.freeze({ code: 'success' });
export const skip: Status = Object.freeze({ code: 'skip' });
