/** The node ends a pod that would run on: resources ran short, or the node goes down. It does not run again here. */
export interface Ending {
  /** Of the pod's status. */
  readonly reason: string;
  readonly message: string;
  /** For its containers, in place of what the pod asks for. */
  readonly gracePeriodMs: number;
  /** Counts as a disruption: controllers need not blame the pod for it. */
  readonly isDisruption: boolean;
  /** All that it leaves goes when it ended, its logs too: the node is short. */
  readonly leavesNothing: boolean;
}
