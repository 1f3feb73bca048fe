/** One thing that was looked at. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do; '' when ok. */
  readonly fix: string;
}

/** Of the cluster that is meant. */
export interface Ranges {
  readonly pods: string;
  readonly services: string;
}
