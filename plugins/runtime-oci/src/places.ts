import { join } from 'node:path';
import type { ContainerConfig, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { isOpenFile } from '@timonel/sdk/linux';
import type { ContainerPlaces } from './bundle/container-spec.ts';
import type { Layout } from './layout.ts';

/** Where the parts of a container lie: what was opened for it is in its directory. With a user namespace all that its root must reach is in an open directory, with shifted owners. */
export function placesOf(layout: Layout, config: ContainerConfig, sandbox: SandboxConfig): ContainerPlaces {
  if (sandbox.userNamespace === undefined) {
    const directory = layout.container(config.id);
    return {
      root: join(directory, 'rootfs'),
      sharedMemory: join(layout.sandbox(sandbox.id), 'shm'),
      terminationFile: join(directory, 'termination'),
      mounts: config.mounts.map(({ hostPath }, index) =>
        isOpenFile(hostPath) ? join(directory, `mount-${index}`) : hostPath,
      ),
    };
  }
  const directory = layout.openContainer(config.id);
  return {
    root: join(directory, 'rootfs'),
    sharedMemory: join(layout.openSandbox(sandbox.id), 'shm'),
    terminationFile: join(directory, 'termination'),
    mounts: config.mounts.map((_mount, index) => join(directory, `mount-${index}`)),
  };
}
