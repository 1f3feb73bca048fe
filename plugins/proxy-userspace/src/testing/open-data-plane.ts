import type { Env, Logger } from '@timonel/sdk';
import { AddressLink } from '../address-link.ts';
import { UserspaceDataPlane } from '../data-plane.ts';

/** For the contract suite, which loads this module inside of a network namespace. */
export async function openDataPlane(options: { env: Env; log: Logger; dataDir: string }): Promise<UserspaceDataPlane> {
  const dataPlane = new UserspaceDataPlane(options.env, options.log, new AddressLink(options.dataDir));
  await dataPlane.open();
  return dataPlane;
}
