/** Every bound of the kernel. Times in ms. */
export interface KernelLimits {
  /** Reading, compiling and importing a plugin file. Default 30 000. */
  readonly importMs: number;
  /** Default 10 000. */
  readonly setupMs: number;
  /** Default 30 000. */
  readonly startMs: number;
  /** Default 5000. */
  readonly probeMs: number;
  /** `drain` of an instance, and the wait for calls in flight. Default 10 000. */
  readonly drainMs: number;
  /** Default 10 000. */
  readonly stopMs: number;
  /** Each clean-up. Default 5000. */
  readonly disposeMs: number;
  /** Faults within the window that a plugin may have; one more quarantines it. Default 10. */
  readonly faultLimit: number;
  /** Default 60 000. */
  readonly faultWindowMs: number;
  /** Before the first restart after a quarantine; doubled for each further one. Default 1000. */
  readonly restartBackoffMs: number;
  /** Default 60 000. */
  readonly restartBackoffMaxMs: number;
  /** Restarts before the plugin stays quarantined. Default 5. */
  readonly restartLimit: number;
  /** A plugin that ran this long since its restart has a clean slate. Default 600 000. */
  readonly restartResetMs: number;
  /** How long a swapped-in provider is watched. Default 10 000. */
  readonly probationMs: number;
  /** Default 1000. */
  readonly probationProbeMs: number;
  /** Faults in probation that swap back. Default 3. */
  readonly probationFaultLimit: number;
  /** Calls that one slot holds back during a swap; more are refused with ERR_SERVICE_UNAVAILABLE. Default 10 000. */
  readonly heldCallsLimit: number;
  /** Period of the event-loop watch; 0 turns it off. Default 500. */
  readonly stallCheckMs: number;
  /** A block of the event loop that is reported; 0 turns reports off. Default 200. */
  readonly stallWarnMs: number;
  /** A block that also counts as a fault. Default 1000. */
  readonly stallFaultMs: number;
  /** Heap of a plugin's worker thread (without buffers) in MiB; one that needs more is ended. Default 128. */
  readonly workerHeapMb: number;
  /** How long a worker thread that missed a deadline may take to answer a ping before it is ended. Default 500. */
  readonly workerPingMs: number;
  /** Calls that wait in one worker thread; more fail at once with ERR_TAP_FAILED. Default 1000. */
  readonly workerCallsLimit: number;
}

export const defaultLimits: KernelLimits = {
  importMs: 30_000,
  setupMs: 10_000,
  startMs: 30_000,
  probeMs: 5000,
  drainMs: 10_000,
  stopMs: 10_000,
  disposeMs: 5000,
  faultLimit: 10,
  faultWindowMs: 60_000,
  restartBackoffMs: 1000,
  restartBackoffMaxMs: 60_000,
  restartLimit: 5,
  restartResetMs: 600_000,
  probationMs: 10_000,
  probationProbeMs: 1000,
  probationFaultLimit: 3,
  heldCallsLimit: 10_000,
  stallCheckMs: 500,
  stallWarnMs: 200,
  stallFaultMs: 1000,
  workerHeapMb: 128,
  workerPingMs: 500,
  workerCallsLimit: 1000,
};
