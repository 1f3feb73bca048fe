/**
 * The volume cannot be used. While the pod starts it waits, with the reason in its status and the message in an event `FailedMount`, and
 * is tried again, later each time; while it runs it keeps what it has. Recognise it by `name`.
 */
export class VolumeError extends Error {
  override readonly name: string = 'VolumeError';
  /** Of the event. */
  readonly reason: string = 'FailedMount';
}
