/**
 * Keeps the process alive until the returned function is called. Timers of an Env do not, so that without this a process
 * would end silently while it waits for the deadline of a plugin that hangs.
 */
export function keepProcessAlive(): () => void {
  const timer = setInterval(() => undefined, 60_000);
  return () => clearInterval(timer);
}
