/**
 * Which of several control planes works: controllers and the scheduler host run on one master at a time. The holder is
 * found by a Lease of coordination.k8s.io/v1, as client-go's leader election does it.
 *
 * Leadership is no lock: a paused process may believe for a moment that it still leads. Whoever writes must be safe all the
 * same (resourceVersion, idempotence). It only saves work and keeps two of a kind from quarrelling.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

export interface LeadershipStatus {
  /** This process's name among the candidates. */
  readonly identity: string;
  /** Who holds the lease, as far as this process knows; undefined: nobody, or not known yet. */
  readonly holder: string | undefined;
  readonly leading: boolean;
  /** Counts changes of the holder (Lease `spec.leaseTransitions`). */
  readonly transitions: number;
}

export interface Leadership {
  /** True between winning the lease and its loss. Ends before another process can win it. */
  leading(): boolean;
  /** Called after each change of `leading`. Answers the function that ends it. */
  onChange(listener: (leading: boolean) => void): () => void;
  status(): LeadershipStatus;
}

/** Token of the leadership. Absent: there is one control plane, which always leads. */
export const leadership: ServiceToken<Leadership, 'one'> = defineService<Leadership>('leadership', {
  major: 1,
  cardinality: 'one',
  sync: ['leading', 'onChange', 'status'],
});
