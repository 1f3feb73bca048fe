/** A program outside of the cluster's processes that speaks the Kubernetes API. Its pods are left alone here. */
export interface ExternalScheduler {
  /** Pods with this `spec.schedulerName` wait for it. */
  readonly name: string;
  /** Where it runs, or whom to ask: for people whose pods wait. */
  readonly hint?: string;
}

/** Knows of schedulers outside. */
export interface ExternalSchedulers {
  list(): readonly ExternalScheduler[];
}
