import type { Many } from '@timonel/sdk';
import type { ContainerRuntime, ContainerStatus } from '@timonel/sdk/contracts/runtime';

/** The containers of all runtimes of this node, also those that have ended and may start again. @throws when one does not answer */
export async function containersOf(runtimes: Many<ContainerRuntime>): Promise<readonly ContainerStatus[]> {
  const lists = await Promise.all(runtimes.all().map(({ service }) => service.listContainers()));
  return lists.flat();
}
