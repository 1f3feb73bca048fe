/** What events say of probes, in the kubelet's words. Pure. */
import type { ProbeKind } from './probe-state.ts';
import type { ProbeResult } from './probe-target.ts';

const reasons = { warning: 'ProbeWarning', failure: 'Unhealthy', error: 'Unhealthy' } as const;
const verbs = {
  warning: 'probe warning',
  failure: 'probe failed',
  error: 'probe errored and resulted in unknown state',
} as const;

export function probeEvent(kind: ProbeKind, { outcome, message }: ProbeResult): { reason: string; message: string } {
  const seen = outcome === 'success' ? 'warning' : outcome;
  const name = `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`;
  return { reason: reasons[seen], message: `${name} ${verbs[seen]}: ${message}` };
}
