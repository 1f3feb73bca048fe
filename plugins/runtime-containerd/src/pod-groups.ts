import type { Env } from '@timonel/sdk';
import type { LinuxResources, ResourceUpdate } from '@timonel/sdk/contracts/runtime';
import { pruneGroups } from '@timonel/sdk/linux';
import { removeGroups, type CgroupDriver } from '@timonel/sdk/linux/cgroup';

export interface PodGroupsOptions {
  readonly driver: CgroupDriver;
  readonly env: Env;
  /** Relative to the root of the hierarchies. */
  readonly root: string;
}

/**
 * The groups of pods, above those that containerd makes for their containers: their limits are ours to set, as they are the kubelet's
 * elsewhere.
 */
export class PodGroups {
  readonly #options: PodGroupsOptions;

  constructor(options: PodGroupsOptions) {
    this.#options = options;
  }

  get version(): 'v1' | 'v2' {
    return this.#options.driver.version;
  }

  of(sandboxId: string): string {
    return `${this.#options.root}/${sandboxId}`;
  }

  /** @throws Error when a limit cannot be set */
  create(sandboxId: string, resources: LinuxResources): void {
    this.#options.driver.create(this.of(sandboxId), resources, 'pod');
  }

  /** @throws Error when a limit cannot be: then all are as before */
  update(sandboxId: string, update: ResourceUpdate): void {
    this.#options.driver.update(this.of(sandboxId), update);
  }

  /** Processes in a container's group. */
  pids(sandboxId: string, criId: string): number {
    return this.#options.driver.usage(`${this.of(sandboxId)}/${criId}`)?.pids ?? 0;
  }

  sandboxes(): readonly string[] {
    return this.#options.driver.children(this.#options.root);
  }

  /** With all that is in it, and the one above when that is the last. What still runs in it is killed. */
  async remove(sandboxId: string): Promise<void> {
    const { driver, env, root } = this.#options;
    await removeGroups(driver, this.of(sandboxId), env);
    pruneGroups(this.of(sandboxId));
    if (this.sandboxes().length === 0) pruneGroups(root);
  }
}
