import { NftablesDataPlane } from '../data-plane.ts';

/** For the contract suite, which loads this module inside of a network namespace. */
export async function openDataPlane(options: { dataDir: string; serviceCidr: string }): Promise<NftablesDataPlane> {
  const dataPlane = new NftablesDataPlane(options.dataDir, options.serviceCidr);
  await dataPlane.open();
  return dataPlane;
}
