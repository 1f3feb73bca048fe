/** Thresholds of one probe: results in, verdict out. Pure. */
import type { Probe } from '@timonel/sdk/kube';

export type ProbeKind = 'startup' | 'liveness' | 'readiness';

export interface ProbeCount {
  readonly successes: number;
  readonly failures: number;
}

export const noResults: ProbeCount = { successes: 0, failures: 0 };

/** Undefined: neither threshold is reached, what held before holds on. */
export type Outcome = 'passed' | 'failed' | undefined;

export function afterResult(
  probe: Probe,
  kind: ProbeKind,
  before: ProbeCount,
  success: boolean,
): { readonly count: ProbeCount; readonly outcome: Outcome } {
  // The API allows 1 only for the other kinds.
  const successThreshold = kind === 'readiness' ? (probe.successThreshold ?? 1) : 1;
  const failureThreshold = probe.failureThreshold ?? 3;
  if (success) {
    const count = { successes: before.successes + 1, failures: 0 };
    return { count, outcome: count.successes >= successThreshold ? 'passed' : undefined };
  }
  const count = { successes: 0, failures: before.failures + 1 };
  return { count, outcome: count.failures >= failureThreshold ? 'failed' : undefined };
}

/** When a probe is first run, counted from the start of the container. */
export function initialDelayMs(probe: Probe): number {
  return (probe.initialDelaySeconds ?? 0) * 1000;
}

export function periodMs(probe: Probe): number {
  return (probe.periodSeconds ?? 10) * 1000;
}

export function timeoutMs(probe: Probe): number {
  return (probe.timeoutSeconds ?? 1) * 1000;
}
