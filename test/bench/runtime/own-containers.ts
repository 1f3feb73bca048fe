import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import type { ContainerConfig } from '@timonel/sdk/contracts/runtime';
import type { LinuxRuntime } from '../../../plugins/runtime-linux/src/runtime.ts';
import { openRuntime } from '../../../plugins/runtime-linux/src/testing/open-runtime.ts';
import { containerConfig, sandboxConfig } from '../../../sdk/testkit/src/contracts/runtime/configs.ts';
import { limits } from './bundle.ts';

/** Makes and removes containers of a runtime of ours. */
export class OwnContainers {
  readonly #runtime: LinuxRuntime;
  readonly #root: string;
  readonly #logs: string;
  #count = 0;

  private constructor(runtime: LinuxRuntime, root: string, logs: string) {
    this.#runtime = runtime;
    this.#root = root;
    this.#logs = logs;
  }

  static async open(directory: string, root: string): Promise<OwnContainers> {
    const runtime = await openRuntime(join(directory, 'data'), createRealEnv());
    return new OwnContainers(runtime, root, join(directory, 'logs'));
  }

  config(sandbox: string, command: readonly string[]): ContainerConfig {
    const image = { imageId: `sha256:${'0'.repeat(64)}`, reference: 'bench', layers: [this.#root] };
    return containerConfig(sandbox, `c${++this.#count}`, image, command, { resources: limits });
  }

  /** From nothing to nothing, in a sandbox that is there. */
  async container(sandbox: string): Promise<void> {
    const config = this.config(sandbox, ['/bin/true']);
    await this.#runtime.createContainer(config);
    const ended = this.#end(config.id);
    await this.#runtime.startContainer(config.id);
    await ended;
    const status = await this.#runtime.containerStatus(config.id);
    if (status?.exitCode !== 0) throw new Error(`the container ended with ${status?.exitCode}: ${status?.message}`);
    await this.#runtime.removeContainer(config.id);
  }

  async pod(): Promise<void> {
    const id = `p${++this.#count}`;
    await this.sandbox(id);
    await this.container(id);
    await this.#runtime.removeSandbox(id);
  }

  async sandbox(id: string): Promise<void> {
    await this.#runtime.runSandbox(sandboxConfig(id, this.#logs));
  }

  async started(sandbox: string, command: readonly string[]): Promise<string> {
    const config = this.config(sandbox, command);
    await this.#runtime.createContainer(config);
    await this.#runtime.startContainer(config.id);
    return config.id;
  }

  async close(): Promise<void> {
    for (const { id } of await this.#runtime.listSandboxes()) await this.#runtime.removeSandbox(id);
    this.#runtime.close();
  }

  #end(id: string): Promise<void> {
    return new Promise((resolve) => {
      const forget = this.#runtime.onEvent((event) => {
        if (event.type !== 'container-exited' || event.containerId !== id) return;
        forget();
        resolve();
      });
    });
  }
}
