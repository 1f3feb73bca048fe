/** Run in a network namespace: takes over the addresses of its arguments, and tells the neighbours. */
import { createRealEnv } from '@timonel/core';
import { NeighbourNotice } from '../neighbour-notice.ts';

const silent = (): void => undefined;
const log = { debug: console.error, info: silent, warn: silent, error: silent };
const notice = new NeighbourNotice({
  env: createRealEnv(),
  log: log as never,
  signal: new AbortController().signal,
  isHeld: () => true,
});
notice.tell(process.argv.slice(2));
// Keeps the process alive through the rounds: timers of an env do not.
process.stdin.resume();
