import type { Env, Logger } from '@timonel/sdk';
import { AddressLink } from '@timonel/sdk/command';
import { UserspaceDataPlane } from '../data-plane.ts';
import { linkNameOf } from '../link-name.ts';

/** For the contract suite, which loads this module inside of a network namespace. */
export async function openDataPlane(options: { env: Env; log: Logger; dataDir: string }): Promise<UserspaceDataPlane> {
  const dataPlane = new UserspaceDataPlane(options.env, options.log, new AddressLink(linkNameOf(options.dataDir)));
  await dataPlane.open();
  return dataPlane;
}
