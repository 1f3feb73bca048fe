import { mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '@timonel/sdk/contracts/runtime';
import { isId, isOpenFile, mountOpenFile, unmountAll } from '@timonel/sdk/linux';

/** Open files that containers mount, at paths that no container can reach: containerd and runc look a path up again. */
export class OpenedMounts {
  readonly #directory: string;

  constructor(dataDir: string) {
    this.#directory = join(dataDir, 'opened');
  }

  /** The mounts of a container, with paths in place of open files; until `release`. @throws CommandError */
  async hold(id: string, mounts: readonly Mount[]): Promise<readonly Mount[]> {
    const held: Mount[] = [];
    for (const [index, mount] of mounts.entries()) {
      if (!isOpenFile(mount.hostPath)) {
        held.push(mount);
        continue;
      }
      const hostPath = join(this.#directory, id, String(index));
      mkdirSync(join(this.#directory, id), { recursive: true, mode: 0o700 });
      await mountOpenFile(mount.hostPath, hostPath);
      held.push({ ...mount, hostPath });
    }
    return held;
  }

  /** Once its container is gone. Nothing held is no error. @throws Error */
  async release(id: string): Promise<void> {
    if (!isId(id) || !this.ids().includes(id)) return;
    const directory = join(this.#directory, id);
    await unmountAll(directory);
    // Mount points are empty: whatever else is there stays.
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) rmdirSync(path);
      else unlinkSync(path);
    }
    rmdirSync(directory);
  }

  ids(): string[] {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    return readdirSync(this.#directory);
  }
}
