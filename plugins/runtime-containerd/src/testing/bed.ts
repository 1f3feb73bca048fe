import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import type { Env, Logger } from '@timonel/sdk';
import type { ContainerConfig, ContainerStatus, RootFilesystem, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { until } from '@timonel/testkit';
import { containerConfig, sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { Containerd, leftovers } from '../../../../test/support/containerd/daemon.ts';
import { cniDirectories } from '../cni.ts';
import { configSchema, type ContainerdConfig } from '../config.ts';
import { instanceOf } from '@timonel/sdk/linux';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { ContainerdRuntime } from '../runtime.ts';
import { makeTestImage } from './test-image.ts';

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

/** A containerd of its own, with the plugin's runtime upon it. */
export class Bed {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'timonel-rc-'));
  readonly dataDir: string = join(this.directory, 'data');
  readonly logs: string = join(this.directory, 'logs');
  readonly image: RootFilesystem;
  readonly containerd: Containerd;
  readonly env: Env = createRealEnv();
  /** Ids of images that were asked for. */
  readonly exported: string[] = [];
  /** Of an image that the image service cannot export. */
  readonly brokenId: string = `sha256:${'1'.repeat(64)}`;
  runtime!: ContainerdRuntime;
  readonly #archive: string;
  readonly #settings: Partial<ContainerdConfig>;
  #count = 0;

  constructor(options: { readonly node: boolean } = { node: false }, settings: Partial<ContainerdConfig> = {}) {
    this.#settings = settings;
    mkdirSync(this.dataDir);
    const { image, archive } = makeTestImage(this.directory, options);
    this.image = image;
    this.#archive = archive;
    this.containerd = new Containerd({ cni: cniDirectories(this.dataDir) });
  }

  async open(): Promise<void> {
    await this.containerd.start();
    await this.openRuntime();
    await until(async () => (await this.runtime.info()).ready, { what: 'the runtime to be ready', timeoutMs: 10_000 });
  }

  async openRuntime(): Promise<void> {
    const images = {
      exportArchive: (references: readonly string[], path: string): Promise<void> => {
        this.exported.push(...references);
        if (references[0] !== this.brokenId) copyFileSync(this.#archive, path);
        else writeFileSync(path, 'no archive');
        return Promise.resolve();
      },
      list: () => Promise.resolve([]),
    };
    const settings = configSchema.parse({ ...this.#settings, socket: this.containerd.socket });
    const { driver } = detectCgroups();
    if (driver === undefined) throw new Error('these tests need cgroups');
    this.runtime = new ContainerdRuntime({
      cgroups: driver,
      dataDir: this.dataDir,
      env: this.env,
      log: quiet,
      settings,
      images: () => images,
    });
    await this.runtime.open();
  }

  /** As when the agent is restarted. */
  async restart(): Promise<void> {
    this.runtime.close();
    await this.openRuntime();
  }

  async removeAll(): Promise<void> {
    for (const { id } of await this.runtime.listSandboxes()) await this.runtime.removeSandbox(id);
  }

  leftovers(): string[] {
    return leftovers(this.containerd.directory, this.containerd.socket, instanceOf(this.dataDir));
  }

  /** What the plugin remembers of containers and sandboxes. */
  records(): string[] {
    return readdirSync(join(this.dataDir, 'records'));
  }

  /** Also after a failure. */
  async close(): Promise<void> {
    await this.removeAll().catch(() => undefined);
    this.runtime?.close();
    await this.containerd.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async sandbox(changes: Partial<SandboxConfig> = {}): Promise<string> {
    const id = `t${++this.#count}`;
    await this.runtime.runSandbox(sandboxConfig(id, this.logs, changes));
    return id;
  }

  container(sandbox: string, command: readonly string[], changes: Partial<ContainerConfig> = {}): ContainerConfig {
    return containerConfig(sandbox, `t${++this.#count}`, this.image, command, changes);
  }

  async started(sandbox: string, command: readonly string[], changes: Partial<ContainerConfig> = {}): Promise<string> {
    const config = this.container(sandbox, command, changes);
    await this.runtime.createContainer(config);
    await this.runtime.startContainer(config.id);
    return config.id;
  }

  /** Runs a shell script to its end. */
  async run(
    script: string,
    changes: Partial<ContainerConfig> = {},
    sandbox?: string,
  ): Promise<ContainerStatus & { readonly stdout: string }> {
    const id = await this.started(sandbox ?? (await this.sandbox()), ['sh', '-c', script], changes);
    const ended = async (): Promise<ContainerStatus | undefined> => {
      const status = await this.runtime.containerStatus(id);
      return status?.state === 'exited' ? status : undefined;
    };
    const status = await until(ended, { what: `container ${id} to end`, timeoutMs: 15_000 });
    return { ...status, stdout: this.logText(status) };
  }

  logText({ logPath }: ContainerStatus): string {
    const lines = readFileSync(logPath, 'utf8').split('\n');
    const written = lines.filter((line) => line.split(' ')[1] === 'stdout');
    return written.map((line) => line.split(' ').slice(3).join(' ')).join('\n');
  }
}
