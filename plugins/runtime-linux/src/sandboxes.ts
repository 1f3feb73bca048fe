import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import {
  RuntimeError,
  updatedResources,
  type ResourceUpdate,
  type SandboxConfig,
  type SandboxStatus,
} from '@timonel/sdk/contracts/runtime';
import { isAlive, killProcess } from '@timonel/sdk/linux';
import type { RuntimeLinuxConfig } from './config.ts';
import type { Launcher } from './launcher.ts';
import { checkId, isId, type Layout } from './layout.ts';
import { type CgroupDriver, removeGroups } from '@timonel/sdk/linux/cgroup';
import { readIdentity, readJson, writeAtomically } from './records.ts';
import { sandboxSpec } from './sandbox-spec.ts';
import { encodeSpec } from './spec-file.ts';

/** NSFS_MAGIC of statfs(2): the file is a held namespace, not the empty file below the mount. */
const nsfsMagic = 0x6e736673;

interface StoredSandbox {
  readonly config: SandboxConfig;
  readonly createdAt: number;
}

export interface SandboxesOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly layout: Layout;
  readonly launcher: Launcher;
  readonly cgroups: CgroupDriver;
  readonly settings: RuntimeLinuxConfig;
  cgroupOf(sandboxId: string): string;
}

/** All sandboxes of this runtime. Their containers are not its business. */
export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #known = new Map<string, StoredSandbox>();

  constructor(options: SandboxesOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { layout } = this.#options;
    mkdirSync(layout.sandboxFiles, { recursive: true });
    mkdirSync(layout.sandboxes, { recursive: true });
    for (const name of readdirSync(layout.sandboxFiles)) {
      const stored = readJson(join(layout.sandboxFiles, name)) as StoredSandbox | undefined;
      if (stored === undefined) this.#drop(join(layout.sandboxFiles, name));
      else this.#known.set(stored.config.id, stored);
    }
    for (const id of readdirSync(layout.sandboxes)) if (!this.#known.has(id)) await this.#clear(id);
  }

  /** A file that is cut off. What somebody else put there and cannot be removed is no reason not to begin. */
  #drop(path: string): void {
    try {
      rmSync(path, { recursive: true });
    } catch (error) {
      this.#options.log.warn({ path, why: errorMessage(error) }, 'this is no sandbox, and could not be removed');
    }
  }

  config(id: string): SandboxConfig | undefined {
    return this.#known.get(id)?.config;
  }

  configs(): SandboxConfig[] {
    return [...this.#known.values()].map(({ config }) => config);
  }

  /** Notes the limits that hold from now on, for whoever comes after a restart. */
  resized(id: string, update: ResourceUpdate): void {
    const stored = this.#known.get(id);
    if (stored === undefined) return;
    const { config } = stored;
    const resized = { ...stored, config: { ...config, resources: updatedResources(config.resources, update) } };
    writeAtomically(this.#options.layout.sandboxFile(id), JSON.stringify(resized));
    this.#known.set(id, resized);
  }

  async run(config: SandboxConfig): Promise<SandboxStatus> {
    checkId(config.id, 'FailedCreatePodSandBox');
    const { layout, cgroups } = this.#options;
    const directory = layout.sandbox(config.id);
    if (this.#known.has(config.id)) {
      throw new RuntimeError('FailedCreatePodSandBox', `sandbox ${config.id} exists already`);
    }
    const spec = sandboxSpec(config, this.#options.settings);
    const stored: StoredSandbox = { config, createdAt: this.#options.env.clock.now() };
    this.#known.set(config.id, stored);
    try {
      mkdirSync(directory, { mode: 0o700 });
      writeFileSync(join(directory, 'spec'), encodeSpec(spec), { mode: 0o600 });
      mkdirSync(config.logDirectory, { recursive: true });
      const made = this.#options.launcher.run('sandbox', directory);
      try {
        writeFileSync(layout.sandboxFile(config.id), JSON.stringify(stored), { mode: 0o600 });
        cgroups.create(this.#options.cgroupOf(config.id), config.resources);
      } finally {
        await made;
      }
      writeFileSync(join(directory, 'ready'), '');
    } catch (error) {
      await this.#clear(config.id);
      this.#known.delete(config.id);
      throw new RuntimeError('FailedCreatePodSandBox', errorMessage(error), { cause: error });
    }
    return this.#status(stored);
  }

  status(id: string): SandboxStatus | undefined {
    const stored = this.#known.get(id);
    return stored === undefined ? undefined : this.#status(stored);
  }

  /** From now on it takes no container. True: it was ready before. */
  shut(id: string): boolean {
    const before = this.status(id)?.state === 'ready';
    this.#notReady(id);
    return before;
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** Ends its namespaces. */
  async stop(id: string): Promise<void> {
    if (this.#known.has(id)) await this.#release(id);
  }

  async remove(id: string): Promise<void> {
    if (!this.#known.has(id)) return;
    await this.#clear(id);
    this.#known.delete(id);
  }

  list(): SandboxStatus[] {
    return [...this.#known.values()].map((stored) => this.#status(stored));
  }

  #status({ config, createdAt }: StoredSandbox): SandboxStatus {
    const directory = this.#options.layout.sandbox(config.id);
    const pause = readIdentity(directory, 'pause');
    const ready =
      existsSync(join(directory, 'ready')) &&
      isHeld(join(directory, 'ns', 'uts')) &&
      (pause === undefined || isAlive(pause));
    return {
      id: config.id,
      podUid: config.podUid,
      podNamespace: config.podNamespace,
      podName: config.podName,
      state: ready ? 'ready' : 'notready',
      createdAt,
      networkNamespace: config.hostNetwork || !ready ? undefined : join(directory, 'ns', 'net'),
      labels: config.labels,
      resources: config.resources,
    };
  }

  /** Removes whatever there is of it; every step can be repeated. */
  async #clear(id: string): Promise<void> {
    const { layout, cgroups, env } = this.#options;
    this.#endPause(id);
    const removal = existsSync(layout.sandbox(id))
      ? this.#options.launcher.run('remove', layout.sandbox(id))
      : undefined;
    await Promise.all([removal, isId(id) && removeGroups(cgroups, this.#options.cgroupOf(id), env)]);
    rmSync(layout.sandboxFile(id), { force: true });
  }

  #notReady(id: string): void {
    const file = join(this.#options.layout.sandbox(id), 'ready');
    if (existsSync(file)) rmSync(file);
  }

  #endPause(id: string): void {
    this.#notReady(id);
    const pause = readIdentity(this.#options.layout.sandbox(id), 'pause');
    if (pause !== undefined) killProcess(pause);
  }

  async #release(id: string): Promise<void> {
    this.#endPause(id);
    const directory = this.#options.layout.sandbox(id);
    if (existsSync(join(directory, 'ns'))) await this.#options.launcher.run('release', directory);
  }
}

function isHeld(path: string): boolean {
  try {
    return statfsSync(path).type === nsfsMagic;
  } catch {
    return false;
  }
}
