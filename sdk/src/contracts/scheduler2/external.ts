/** Schedulers outside of the cluster's processes: programs that speak the Kubernetes API. Their pods are left alone here. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

export interface ExternalScheduler {
  /** Pods with this `spec.schedulerName` wait for it. */
  readonly name: string;
  /** Where it runs, or whom to ask: for people whose pods wait. */
  readonly hint?: string;
}

export interface ExternalSchedulers {
  list(): readonly ExternalScheduler[];
}

/** Token of those who know of schedulers outside. */
export const externalSchedulers: ServiceToken<ExternalSchedulers, 'many'> = defineService<ExternalSchedulers, 'many'>(
  'scheduler.external',
  { major: 1, cardinality: 'many', sync: ['list'] },
);
