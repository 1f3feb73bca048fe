/** File systems in memory, kept out of swap where the kernel can do that. */
import { errorMessage } from '@timonel/sdk';
import { mustRun } from '@timonel/sdk/command';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { mountSources } from './mount-table.ts';

export class MemoryFilesystems {
  /** Not with kernels before 6.4, and not in user namespaces. */
  #canStayOut = true;

  /** @throws VolumeError */
  async mount(directory: string, options: readonly string[]): Promise<void> {
    if (this.#canStayOut && (await isMountedWith(directory, [...options, 'noswap']))) return;
    try {
      await mountWith(directory, options);
    } catch (error) {
      throw new VolumeError(`emptyDir in memory cannot be mounted: ${errorMessage(error)}`, { cause: error });
    }
    this.#canStayOut = false;
  }
}

async function isMountedWith(directory: string, options: readonly string[]): Promise<boolean> {
  return mountWith(directory, options).then(
    () => true,
    () => false,
  );
}

async function mountWith(directory: string, options: readonly string[]): Promise<void> {
  await mustRun('mount', ['-t', 'tmpfs', mountSources.memory, '-o', options.join(','), directory]);
}
