/** What events say of probes, in the kubelet's words. Pure. */
import type { ProbeKind } from './probe-state.ts';
import type { ProbeResult } from './probe-target.ts';

const names = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;
const reasons = { warning: 'ProbeWarning', failure: 'Unhealthy', error: 'Unhealthy' } as const;
const verbs = {
  warning: 'probe warning',
  failure: 'probe failed',
  error: 'probe errored and resulted in unknown state',
} as const;

export function probeName(kind: ProbeKind): (typeof names)[ProbeKind] {
  return names[kind];
}

export function probeEvent(kind: ProbeKind, { outcome, message }: ProbeResult): { reason: string; message: string } {
  const seen = outcome === 'success' ? 'warning' : outcome;
  return { reason: reasons[seen], message: `${names[kind]} ${verbs[seen]}: ${message}` };
}
