import type { DataPlaneOptions } from '@timonel/testkit/contracts/proxy';
import { AddressLink } from '@timonel/sdk/command';
import { UserspaceDataPlane } from '../data-plane.ts';
import { linkNameOf } from '../link-name.ts';

/** For the contract suite, which loads this module inside of a network namespace. */
export async function openDataPlane({ dataDir, ...options }: DataPlaneOptions): Promise<UserspaceDataPlane> {
  const dataPlane = new UserspaceDataPlane({ ...options, link: new AddressLink(linkNameOf(dataDir)) });
  await dataPlane.open();
  return dataPlane;
}
