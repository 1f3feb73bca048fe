import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, type Env, type Logger } from '@timonel/sdk';
import type { ContainerConfig, SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { run } from '@timonel/sdk/command';
import { killProcess, type ProcessIdentity } from '@timonel/sdk/linux';
import { type DeviceDriver, removeGroups } from '@timonel/sdk/linux/cgroup';
import type { RuntimeLinuxConfig } from './config.ts';
import { containerSpec } from './container-spec.ts';
import type { ContainerDirectories, StoredContainer } from './container.ts';
import { allowedDevices } from './device-spec.ts';
import type { Launcher } from './launcher.ts';
import { isId, type Layout } from './layout.ts';
import { readIdentity, readJson } from './records.ts';
import { encodeSpec } from './spec-file.ts';
import { Trash } from './trash.ts';

export interface ContainerFilesOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly layout: Layout;
  readonly launcher: Launcher;
  readonly cgroups: DeviceDriver;
  readonly settings: RuntimeLinuxConfig;
  /** Of the run directory. */
  runId(): string;
  cgroupOf(sandboxId: string, containerId: string): string;
}

export interface NewContainer {
  readonly config: ContainerConfig;
  readonly sandbox: SandboxConfig;
  /** A process in whose pid namespace it is to run. */
  readonly processesOf: number | undefined;
}

/** What there is of each container outside of this process: directories, records, control groups, processes. */
export class ContainerFiles {
  readonly #options: ContainerFilesOptions;
  readonly #trash: Trash;
  readonly #runTrash: Trash;
  /** Names of directories that wait for a container. */
  #spares: string[] = [];

  constructor(options: ContainerFilesOptions) {
    this.#options = options;
    const { layout, launcher } = options;
    const { trashes } = layout;
    this.#trash = new Trash(trashes.disk, { ...options, empty: () => this.#recycle() });
    this.#runTrash = new Trash(trashes.run, { ...options, empty: () => launcher.run('recycle', layout.runDir) });
  }

  async open(): Promise<void> {
    const { layout } = this.#options;
    if (!existsSync(layout.containers)) await this.#makeOnDisk();
    for (const directory of [layout.spares, layout.monitors, layout.events]) mkdirSync(directory, { recursive: true });
    this.#trash.open();
    this.#runTrash.open();
    this.#spares = readdirSync(layout.spares);
  }

  async #makeOnDisk(): Promise<void> {
    const { dataDir, containers } = this.#options.layout;
    for (const directory of [dataDir, containers]) {
      mkdirSync(directory, { recursive: true });
      // A hint to ext4, which others do not know: what is in it has nothing to do with one another, and is found faster spread over the disk.
      await run('chattr', ['+T', directory]).catch(() => undefined);
    }
  }

  close(): void {
    this.#trash.close();
    this.#runTrash.close();
  }

  /** Of all containers, and of what crashes left of some. */
  ids(): string[] {
    const { layout } = this.#options;
    const events = readdirSync(layout.events);
    return [...new Set([...readdirSync(layout.containers), ...readdirSync(layout.monitors), ...events])];
  }

  directories(id: string): ContainerDirectories {
    const { layout } = this.#options;
    return { state: layout.container(id), run: layout.monitor(id) };
  }

  async #recycle(): Promise<void> {
    const { layout, launcher } = this.#options;
    try {
      await launcher.run('recycle', layout.dataDir);
    } finally {
      this.#spares = readdirSync(layout.spares);
    }
  }

  /** A directory that is as new, or a new one. */
  #makeDirectory(path: string): void {
    const spare = this.#spares.pop();
    try {
      if (spare !== undefined) renameSync(join(this.#options.layout.spares, spare), path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    if (spare === undefined || !existsSync(path)) mkdirSync(path, { mode: 0o700 });
  }

  /** Undefined: the container is half-made. */
  stored(id: string): StoredContainer | undefined {
    return readJson(join(this.directories(id).state, 'config.json')) as StoredContainer | undefined;
  }

  /** Everything up to the start of its monitor. */
  prepare({ config, sandbox, processesOf }: NewContainer): StoredContainer {
    const { layout, cgroups, settings, env } = this.#options;
    const { state, run } = this.directories(config.id);
    const cgroup = this.#options.cgroupOf(config.sandboxId, config.id);
    const logPath = join(sandbox.logDirectory, config.name, `${config.attempt}.log`);
    cgroups.allowDevices(cgroup, allowedDevices(config));
    const spec = encodeSpec(
      containerSpec({
        config,
        sandbox,
        settings,
        cgroups,
        cgroup,
        directory: state,
        sandboxDirectory: layout.sandbox(sandbox.id),
        logPath,
        eventFile: layout.eventFile(config.id),
        processesOf,
      }),
    );
    const stored: StoredContainer = { config, logPath, createdAt: env.clock.now(), runId: this.#options.runId() };
    this.#makeDirectory(state);
    mkdirSync(run, { mode: 0o700 });
    writeFileSync(join(run, 'spec'), spec, { mode: 0o600 });
    if (config.terminationMessagePath !== '') writeForAll(join(state, 'termination'));
    cgroups.create(cgroup, config.resources, 'container');
    return stored;
  }

  /** From now on it outlives us. */
  record(stored: StoredContainer): void {
    const { state } = this.directories(stored.config.id);
    writeFileSync(join(state, 'config.json'), JSON.stringify(stored), { mode: 0o600 });
  }

  /** Removes whatever there is of it, in an order in which every step can be repeated. `processes`: those known, else the recorded ones. */
  async clear(id: string, sandboxId: string | undefined, processes?: readonly ProcessIdentity[]): Promise<void> {
    const { layout } = this.#options;
    const { state, run } = this.directories(id);
    for (const process of processes ?? recordedIn(run)) killProcess(process);
    this.#trash.take(state);
    await this.endGroup(id, sandboxId);
    this.#runTrash.take(run);
    removeFile(layout.eventFile(id));
  }

  /** Kills what is in its control group, which goes. One that nothing tells of any more is a stray, and looked for with the next start. */
  async endGroup(id: string, sandboxId: string | undefined): Promise<void> {
    const { cgroups, env } = this.#options;
    if (sandboxId === undefined || !isId(sandboxId)) return;
    await removeGroups(cgroups, this.#options.cgroupOf(sandboxId, id), env);
  }
}

function recordedIn(directory: string): ProcessIdentity[] {
  const names = ['monitor', 'created'] as const;
  return names.flatMap((name) => readIdentity(directory, name) ?? []);
}

/** Empty, and written to by every user, whatever our umask says. */
function writeForAll(path: string): void {
  writeFileSync(path, '');
  chmodSync(path, 0o666);
}

function removeFile(path: string): void {
  if (!existsSync(path)) return;
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
