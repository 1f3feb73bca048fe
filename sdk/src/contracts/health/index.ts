/** Checks of /livez, /readyz and /healthz that plugins contribute. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

/** One line of `/readyz?verbose`. */
export interface HealthCheck {
  /** As in `/readyz/NAME`: lower case letters, digits, `-`, `/`. */
  readonly name: string;
  /**
   * `live`: a failure means that this process must be restarted; part of /livez, /healthz and /readyz. `ready`: a failure means that it
   * cannot serve at the moment; part of /readyz alone.
   */
  readonly kind: 'live' | 'ready';
  /** Rejects when unhealthy; the message tells authenticated callers why. Has 2 s; must cost little, for it is asked often. */
  check(): Promise<void>;
}

/** Contributes checks. Asked at each request, so that checks may come and go. */
export interface HealthSource {
  checks(): readonly HealthCheck[];
}

/** Token of the sources of health checks. */
export const healthSource: ServiceToken<HealthSource, 'many'> = defineService<HealthSource, 'many'>('health.checks', {
  major: 1,
  cardinality: 'many',
  sync: ['checks'],
});
