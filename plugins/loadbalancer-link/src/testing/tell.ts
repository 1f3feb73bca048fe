/** Run in a network namespace: takes over the addresses of its arguments on the link of the first, tells the neighbours, looks after them when it is sent something, and lets go at its end. */
import { createRealEnv } from '@timonel/core';
import { AddressLink } from '@timonel/sdk/command';
import { LinkAddresses } from '../link-addresses.ts';
import { NeighbourNotice } from '../neighbour-notice.ts';

const [link = '', ...held] = process.argv.slice(2);
const silent = (): void => undefined;
const log = { debug: console.error, info: silent, warn: silent, error: silent };
const addresses = new LinkAddresses(new AddressLink(link));
const notice = new NeighbourNotice({
  env: createRealEnv(),
  log: log as never,
  signal: new AbortController().signal,
  isHeld: () => true,
  advertise: (each) => addresses.advertise(each),
});
await addresses.set(new Set(held));
notice.tell(held);
// Keeps the process alive through the rounds: timers of an env do not.
process.stdin.on('data', () => void addresses.refresh()).on('end', () => void addresses.close());
