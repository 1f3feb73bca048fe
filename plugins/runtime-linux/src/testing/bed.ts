import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import type { ContainerConfig, ContainerStatus, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { containerConfig, sandboxConfig } from '../../../../sdk/testkit/src/contracts/runtime/configs.ts';
import { until } from '../../../../sdk/testkit/src/until.ts';
import type { RuntimeLinuxConfig } from '../config.ts';
import { monitorBinary } from '../monitor-binary.ts';
import { runPathOf } from '../run-directory.ts';
import type { LinuxRuntime } from '../runtime.ts';
import { makeHostImage, type TestImage } from './host-image.ts';
import { openRuntime, removeDirectory, temporaryDirectory } from './open-runtime.ts';

export interface Result extends ContainerStatus {
  /** The texts of the log lines. */
  readonly stdout: string;
  readonly stderr: string;
}

/** A real runtime on a directory of its own, with an image of this host's programs. */
export class Bed {
  readonly image: TestImage = makeHostImage();
  readonly dataDir: string = temporaryDirectory();
  readonly logs: string = join(this.dataDir, 'logs');
  /** Where the runtime keeps what a boot ends. */
  readonly runDir: string = runPathOf(this.dataDir, '');
  runtime!: LinuxRuntime;
  readonly #env: Env;
  readonly #monitor: string;
  readonly #settings: Partial<RuntimeLinuxConfig>;
  #count = 0;

  constructor(env: Env, settings: Partial<RuntimeLinuxConfig> = {}, monitor: string = monitorBinary) {
    this.#monitor = monitor;
    this.#env = env;
    this.#settings = settings;
  }

  async open(): Promise<void> {
    this.runtime = await openRuntime(this.dataDir, this.#env, this.#settings, this.#monitor);
  }

  /** As when the agent is restarted. */
  async restart(): Promise<void> {
    this.runtime.close();
    await this.open();
  }

  async removeAll(): Promise<void> {
    for (const { id } of await this.runtime.listSandboxes()) await this.runtime.removeSandbox(id);
  }

  async close(): Promise<void> {
    await this.removeAll();
    this.runtime.close();
    await until(() => !existsSync(this.runDir), { what: `${this.runDir} to be unmounted` });
    removeDirectory(this.dataDir);
    this.image.remove();
  }

  newId(): string {
    return `t${++this.#count}`;
  }

  container(
    sandbox: string,
    command: readonly string[],
    changes: Partial<ContainerConfig> = {},
    id: string = this.newId(),
  ): ContainerConfig {
    return containerConfig(sandbox, id, this.image.image, command, changes);
  }

  async sandbox(changes: Partial<SandboxConfig> = {}): Promise<string> {
    const id = this.newId();
    await this.runtime.runSandbox(sandboxConfig(id, this.logs, changes));
    return id;
  }

  async started(sandbox: string, command: readonly string[], changes: Partial<ContainerConfig> = {}): Promise<string> {
    const config = this.container(sandbox, command, changes);
    await this.runtime.createContainer(config);
    await this.runtime.startContainer(config.id);
    return config.id;
  }

  /** Runs a shell script to its end. */
  async run(script: string, changes: Partial<ContainerConfig> = {}, sandbox?: string): Promise<Result> {
    const id = await this.started(sandbox ?? (await this.sandbox()), ['sh', '-c', script], changes);
    return await this.result(id);
  }

  async result(id: string): Promise<Result> {
    const ended = async (): Promise<ContainerStatus | undefined> => {
      const status = await this.runtime.containerStatus(id);
      return status?.state === 'exited' ? status : undefined;
    };
    const status = await until(ended, { what: `container ${id} to end`, timeoutMs: 15_000 });
    return { ...status, stdout: this.logText(status, 'stdout'), stderr: this.logText(status, 'stderr') };
  }

  logText(status: ContainerStatus, stream: 'stdout' | 'stderr'): string {
    return readFileSync(status.logPath, 'utf8')
      .split('\n')
      .filter((line) => line.split(' ')[1] === stream)
      .map((line) => line.split(' ').slice(3).join(' '))
      .join('\n');
  }

  /** Until the container printed this. */
  async printed(id: string, text: string): Promise<void> {
    const status = await this.runtime.containerStatus(id);
    if (status === undefined) throw new Error(`no container ${id}`);
    await until(() => this.logText(status, 'stdout').includes(text), { what: `container ${id} to print "${text}"` });
  }
}

export function security(changes: Partial<ContainerConfig['security']>): Pick<ContainerConfig, 'security'> {
  return {
    security: {
      privileged: false,
      readOnlyRootFilesystem: false,
      noNewPrivileges: true,
      addCapabilities: [],
      dropCapabilities: [],
      ...changes,
    },
  };
}
