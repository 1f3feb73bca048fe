import { chmodSync, mkdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, type Env, type Logger } from '@timonel/sdk';
import { RuntimeError, type ContainerConfig, type SandboxConfig } from '@timonel/sdk/contracts/runtime';
import { isId, isOpenFile, makeMountPoint, mountOpenFile, unmountAll } from '@timonel/sdk/linux';
import { removeGroups, type CgroupDriver } from '@timonel/sdk/linux/cgroup';
import { containerSpec, type ContainerPlaces } from './bundle/container-spec.ts';
import { checkMounts } from './bundle/mounts.ts';
import { checkSecurity } from './bundle/security.ts';
import { resolveUser, type ResolvedUser } from './bundle/user.ts';
import type { RuntimeOciConfig } from './config.ts';
import type { StoredContainer, StoredRun } from './container.ts';
import { identityOf, killProcess } from './identity.ts';
import { readJson, writeJson } from './json-file.ts';
import type { Layout } from './layout.ts';
import type { OciProgram } from './oci-program.ts';
import { placesOf } from './places.ts';
import { makeOpen, mountRoot, mountShifted, removeOpen, type Shift } from './rootfs.ts';

/** The sandbox that a container is made in. */
export interface MadeIn {
  readonly sandbox: SandboxConfig;
  readonly pausePid: number;
}

export interface MakerOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly layout: Layout;
  readonly cgroups: CgroupDriver;
  readonly program: OciProgram;
  readonly settings: RuntimeOciConfig;
  cgroupOf(sandboxId: string, containerId: string): string;
}

/** Directory, root file system and control group of containers. */
export class ContainerMaker {
  readonly #options: MakerOptions;

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  /** @throws Error: then {@link clear} removes what there is */
  async make(config: ContainerConfig, madeIn: MadeIn, bootId: string): Promise<StoredContainer> {
    const { layout, cgroups, program, env } = this.#options;
    checkContainer(config, madeIn.sandbox);
    program.programs();
    const { sandbox } = madeIn;
    const directory = layout.container(config.id);
    mkdirSync(directory, { mode: 0o700 });
    const logPath = join(sandbox.logDirectory, config.name, `${config.attempt}.log`);
    mkdirSync(dirname(logPath), { recursive: true });
    if (config.terminationMessagePath !== '') makeTerminationFile(join(directory, 'termination'));
    const places = placesOf(layout, config, sandbox);
    const shift = shiftOf(madeIn);
    if (shift === undefined) await mountOpened(config, places);
    else await this.#openPlaces(config, places, shift);
    await mountRoot(directory, config.image.layers, places.root, shift);
    const user = resolveUser(config, places.root);
    this.#checkSpec(config, madeIn, user);
    cgroups.create(this.#options.cgroupOf(config.sandboxId, config.id), config.resources, 'container');
    const stored = { config, sandbox, user, logPath, bootId, createdAt: env.clock.now() };
    writeJson(join(directory, 'container.json'), stored);
    return stored;
  }

  /** The OCI runtime binds what lies there, in place of what was asked for. */
  async #openPlaces(
    { id, mounts, terminationMessagePath }: ContainerConfig,
    places: ContainerPlaces,
    shift: Shift,
  ): Promise<void> {
    const { layout } = this.#options;
    makeOpen(layout.openContainer(id));
    const sources = mounts.map(({ hostPath }) => hostPath);
    const targets = [...places.mounts];
    if (terminationMessagePath !== '') {
      sources.push(join(layout.container(id), 'termination'));
      targets.push(places.terminationFile);
    }
    for (const [index, source] of sources.entries()) makeMountPoint(source, targets[index] ?? '');
    await mountShifted(sources, targets, shift);
  }

  /** What the specification cannot say is refused now, not at the start. */
  #checkSpec(config: ContainerConfig, madeIn: MadeIn, user: ResolvedUser): void {
    const { layout, settings } = this.#options;
    const places = placesOf(layout, config, madeIn.sandbox);
    containerSpec({ ...madeIn, config, settings, user, places, cgroup: '', processesOf: undefined });
  }

  /** Removes whatever there is of it, in an order in which every step can be repeated. */
  async clear(id: string, sandboxId: string | undefined): Promise<void> {
    const { layout, cgroups, env, program } = this.#options;
    const directory = layout.container(id);
    const run = readJson(join(directory, 'run.json')) as StoredRun | undefined;
    if (run !== undefined) {
      killProcess(run.init);
      killProcess(run.monitor);
    } else {
      killStrayMonitor(directory);
    }
    if (isId(id)) await program.delete(id);
    await unmountAll(directory);
    if (isId(id)) await removeOpen(layout.openContainer(id));
    if (sandboxId !== undefined && isId(sandboxId)) {
      await removeGroups(cgroups, this.#options.cgroupOf(sandboxId, id), env);
    }
    removeFile(join(directory, 'container.json'));
    await rm(directory, { recursive: true, force: true });
    rmSync(layout.exitFile(id), { force: true });
  }
}

/** A start that a crash cut off left conmon, but no record of it. */
export function killStrayMonitor(directory: string): void {
  let text: string;
  try {
    text = readFileSync(join(directory, 'conmon.pid'), 'utf8');
  } catch {
    return;
  }
  const monitor = identityOf(Number(text));
  if (monitor === undefined) return;
  try {
    const words = readFileSync(`/proc/${monitor.pid}/cmdline`, 'utf8').split('\0');
    if (words.includes(directory)) killProcess(monitor);
  } catch {
    // it ended by itself
  }
}

/** Crun and runc follow links again: they get a path that no container can reach. */
async function mountOpened({ mounts }: ContainerConfig, places: ContainerPlaces): Promise<void> {
  for (const [index, { hostPath }] of mounts.entries()) {
    if (isOpenFile(hostPath)) await mountOpenFile(hostPath, places.mounts[index] ?? '');
  }
}

function shiftOf({ sandbox: { userNamespace }, pausePid }: MadeIn): Shift | undefined {
  if (userNamespace === undefined) return undefined;
  return { userNamespace: `/proc/${pausePid}/ns/user`, uid: userNamespace.firstUid, gid: userNamespace.firstGid };
}

/** Any user of the container writes to it. */
function makeTerminationFile(path: string): void {
  writeFileSync(path, '');
  chmodSync(path, 0o666);
}

function checkContainer(config: ContainerConfig, sandbox: SandboxConfig): void {
  const texts = [...config.command, ...config.env.map(({ name, value }) => `${name}=${value}`), config.workingDir];
  const fault = /[/\0]|^\.*$/.test(config.name)
    ? `"${config.name}" is not a container name`
    : config.command.length === 0
      ? 'no command is given, and the image has none'
      : texts.some((text) => text.includes('\0'))
        ? 'a command, variable or working directory contains a NUL character'
        : config.workingDir !== '' && !config.workingDir.startsWith('/')
          ? `the working directory "${config.workingDir}" is not absolute`
          : undefined;
  if (fault !== undefined) throw new RuntimeError('CreateContainerConfigError', fault);
  checkMounts(config);
  checkSecurity(config, sandbox);
}

function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    const code = errorCode(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
  }
}
