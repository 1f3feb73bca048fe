import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import type { ContainerConfig, ContainerStatus, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { until } from '@timonel/testkit';
import { containerConfig, sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { makeHostImage, type TestImage } from '../../../runtime-linux/src/testing/host-image.ts';
import type { RuntimeOciConfig } from '../config.ts';
import type { OciKind } from '../host.ts';
import type { OciRuntime } from '../runtime.ts';
import { leftovers } from './leftovers.ts';
import { needPrograms, openRuntime, removeDirectory, temporaryDirectory } from './open-runtime.ts';

export interface Result extends ContainerStatus {
  /** The texts of the log lines. */
  readonly stdout: string;
  readonly stderr: string;
}

/** A real runtime on a directory of its own, with an image of this host's programs. */
export class Bed {
  readonly kind: OciKind;
  readonly image: TestImage = makeHostImage('timonel-oci-image-');
  readonly dataDir: string;
  readonly logs: string;
  runtime!: OciRuntime;
  readonly #env: Env;
  readonly #settings: Partial<RuntimeOciConfig>;
  #count = 0;

  constructor(kind: OciKind, env: Env, settings: Partial<RuntimeOciConfig> = {}) {
    this.kind = kind;
    this.#env = env;
    this.#settings = settings;
    this.dataDir = temporaryDirectory(kind);
    this.logs = join(this.dataDir, 'logs');
  }

  async open(): Promise<void> {
    needPrograms(this.kind);
    this.runtime = await openRuntime(this.kind, this.dataDir, this.#env, this.#settings);
  }

  /** As when the agent is restarted. */
  async restart(): Promise<void> {
    this.runtime.close();
    await this.open();
  }

  async removeAll(): Promise<void> {
    for (const { id } of await this.runtime.listSandboxes()) await this.runtime.removeSandbox(id);
  }

  /** Removes everything; answers what was left behind all the same. */
  async close(): Promise<string[]> {
    await this.removeAll();
    this.runtime.close();
    const left = leftovers(this.dataDir);
    removeDirectory(this.dataDir);
    this.image.remove();
    return left;
  }

  newId(): string {
    return `t${++this.#count}`;
  }

  container(sandbox: string, command: readonly string[], changes: Partial<ContainerConfig> = {}): ContainerConfig {
    return containerConfig(sandbox, this.newId(), this.image.image, command, changes);
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
    return await this.result(await this.started(sandbox ?? (await this.sandbox()), ['sh', '-c', script], changes));
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
