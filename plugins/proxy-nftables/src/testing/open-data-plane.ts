import type { DataPlaneOptions } from '@timonel/testkit/contracts/proxy';
import { NftablesDataPlane } from '../data-plane.ts';

/** For the contract suite, which loads this module inside of a network namespace. */
export async function openDataPlane(options: DataPlaneOptions): Promise<NftablesDataPlane> {
  const dataPlane = new NftablesDataPlane(options.dataDir, options, options.log);
  await dataPlane.open();
  return dataPlane;
}
