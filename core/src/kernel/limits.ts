/** Every bound of the kernel, with its default. Times in ms. */
export const defaultLimits = {
  /** Reading, compiling and importing a plugin file. */
  importMs: 30_000,
  setupMs: 10_000,
  startMs: 30_000,
  /** `probe` of a plugin. A worker thread must answer a ping as often and as soon. */
  probeMs: 5000,
  /** `drain` of an instance, and the wait for calls in flight. */
  drainMs: 10_000,
  stopMs: 10_000,
  /** Each clean-up. */
  disposeMs: 5000,
  /** Faults within the window that a plugin may have; one more quarantines it. */
  faultLimit: 10,
  faultWindowMs: 60_000,
  /** Before the first restart after a quarantine; doubled for each further one. */
  restartBackoffMs: 1000,
  restartBackoffMaxMs: 60_000,
  /** Restarts before the plugin stays quarantined. */
  restartLimit: 5,
  /** A plugin that ran this long since its restart has a clean slate. */
  restartResetMs: 600_000,
  /** How long a swapped-in provider is watched. */
  probationMs: 10_000,
  probationProbeMs: 1000,
  /** Faults in probation that swap back. */
  probationFaultLimit: 3,
  /** Calls that one slot holds back during a swap; more are refused with ERR_SERVICE_UNAVAILABLE. */
  heldCallsLimit: 10_000,
  /** Period of the event-loop watch; 0 turns it off. */
  stallCheckMs: 500,
  /** A block of the event loop that is reported; 0 turns reports off. */
  stallWarnMs: 200,
  /** A block that also counts as a fault. */
  stallFaultMs: 1000,
  /** Heap of a plugin's worker thread (without buffers) in MiB; one that needs more is ended. */
  workerHeapMb: 128,
  /** How long a worker thread that missed a deadline may take to answer a ping before it is ended. */
  workerPingMs: 500,
  /** Calls that wait in one worker thread; more fail at once with ERR_TAP_FAILED. */
  workerCallsLimit: 1000,
} as const;

/** See {@link defaultLimits}. */
export type KernelLimits = Readonly<Record<keyof typeof defaultLimits, number>>;
