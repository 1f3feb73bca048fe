import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env } from '@timonel/sdk';
import {
  RuntimeError,
  updatedResources,
  type ResourceUpdate,
  type SandboxConfig,
  type SandboxStatus,
} from '@timonel/sdk/contracts/runtime';
import { checkId, isId, unmountAll } from '@timonel/sdk/linux';
import { removeGroups, resize, type CgroupDriver } from '@timonel/sdk/linux/cgroup';
import { pauseSpec } from './bundle/pause-spec.ts';
import { specText } from './bundle/spec.ts';
import { checkUserNamespace } from './bundle/user-namespace.ts';
import type { RuntimeOciConfig } from './config.ts';
import { pauseProgram } from './helper.ts';
import { bootId, identityOf, isAlive, killProcess, type ProcessIdentity } from './identity.ts';
import { readJson, writeJson, writeText } from './json-file.ts';
import type { Layout } from './layout.ts';
import { asRuntimeError, type OciProgram } from './oci-program.ts';
import { makeOpen, mountAgain, mountSharedMemory, removeOpen } from './rootfs.ts';

/** What `sandbox.json` holds; written last. `pause` runs in its namespaces. */
interface StoredSandbox {
  /** With the limits in force. */
  readonly config: SandboxConfig;
  readonly createdAt: number;
  readonly bootId: string;
  readonly pause: ProcessIdentity;
}

interface Known {
  readonly config: SandboxConfig;
  /** Undefined: it is being made. */
  stored: StoredSandbox | undefined;
  isShut: boolean;
}

export interface SandboxesOptions {
  readonly env: Env;
  readonly layout: Layout;
  readonly cgroups: CgroupDriver;
  readonly program: OciProgram;
  readonly settings: RuntimeOciConfig;
  cgroupOf(sandboxId: string): string;
}

/** All sandboxes of this runtime: each is a container that does nothing, in whose namespaces the others run. */
export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #known = new Map<string, Known>();
  readonly #bootId = bootId();

  constructor(options: SandboxesOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    const { layout } = this.#options;
    mkdirSync(layout.sandboxes, { recursive: true });
    this.#makePauseRoot();
    for (const id of readdirSync(layout.sandboxes)) {
      const stored = readJson(join(layout.sandbox(id), 'sandbox.json')) as StoredSandbox | undefined;
      if (stored === undefined) await this.#clear(id);
      else this.#known.set(id, { config: stored.config, stored, isShut: false });
    }
  }

  config(id: string): SandboxConfig | undefined {
    const known = this.#known.get(id);
    return known?.stored?.config ?? known?.config;
  }

  configs(): readonly SandboxConfig[] {
    return [...this.#known.values()].map(({ stored, config }) => stored?.config ?? config);
  }

  /** Of the process that holds the namespaces. @throws RuntimeError when there is none */
  pausePid(id: string): number {
    const known = this.#known.get(id);
    if (known !== undefined && this.#isReady(known)) return known.stored?.pause.pid ?? 0;
    throw new RuntimeError('StartError', `sandbox ${id} is not ready`, { exitCode: 128 });
  }

  async run(config: SandboxConfig): Promise<SandboxStatus> {
    checkId(config.id, 'FailedCreatePodSandBox');
    if (this.#known.has(config.id)) {
      throw new RuntimeError('FailedCreatePodSandBox', `sandbox ${config.id} exists already`);
    }
    const known: Known = { config, stored: undefined, isShut: false };
    this.#known.set(config.id, known);
    try {
      known.stored = await this.#make(config);
    } catch (error) {
      await this.#clear(config.id).catch(() => undefined); // what is left goes with the next start of the runtime
      this.#known.delete(config.id);
      throw asRuntimeError(error, 'FailedCreatePodSandBox');
    }
    return this.#status(known.stored, known);
  }

  async #make(config: SandboxConfig): Promise<StoredSandbox> {
    const { layout, cgroups, program, settings, env } = this.#options;
    checkUserNamespace(config);
    program.programs();
    const group = this.#options.cgroupOf(config.id);
    const directory = layout.sandbox(config.id);
    mkdirSync(directory, { mode: 0o700 });
    mkdirSync(config.logDirectory, { recursive: true });
    const root = await this.#mountPlaces(config, directory);
    const spec = pauseSpec(config, settings, root, `${group}/${pauseGroup}`);
    cgroups.create(group, config.resources, 'pod');
    writeText(join(directory, 'config.json'), specText(spec));
    const pidFile = join(directory, 'pause.pid');
    await program.run(['run', '--detach', '--bundle', directory, '--pid-file', pidFile, pauseId(config.id)]);
    const pause = identityOf(Number(readFileSync(pidFile, 'utf8')));
    if (pause === undefined)
      throw new Error('the process that was to hold the namespaces of the sandbox ended at once');
    const stored = { config, createdAt: env.clock.now(), bootId: this.#bootId, pause };
    writeJson(join(directory, 'sandbox.json'), stored);
    return stored;
  }

  /** /dev/shm of the pod; answers the root of its first process. */
  async #mountPlaces({ id, userNamespace }: SandboxConfig, directory: string): Promise<string> {
    const { layout } = this.#options;
    if (userNamespace === undefined) {
      await mountSharedMemory(join(directory, 'shm'), { uid: 0, gid: 0 });
      return layout.pauseRoot;
    }
    const open = layout.openSandbox(id);
    makeOpen(open);
    await mountSharedMemory(join(open, 'shm'), { uid: userNamespace.firstUid, gid: userNamespace.firstGid });
    await mountAgain(layout.pauseRoot, join(open, 'root'));
    return join(open, 'root');
  }

  status(id: string): SandboxStatus | undefined {
    const known = this.#known.get(id);
    return known?.stored === undefined ? undefined : this.#status(known.stored, known);
  }

  list(): SandboxStatus[] {
    return [...this.#known.values()].flatMap((known) =>
      known.stored === undefined ? [] : [this.#status(known.stored, known)],
    );
  }

  /** From now on it takes no container. True: it was ready before. */
  shut(id: string): boolean {
    const known = this.#known.get(id);
    if (known === undefined) return false;
    const before = this.#isReady(known);
    known.isShut = true;
    return before;
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

  update(id: string, update: ResourceUpdate): void {
    const known = this.#known.get(id);
    const { stored } = known ?? {};
    if (known === undefined || stored === undefined) throw new RuntimeError('ResizeError', `there is no sandbox ${id}`);
    const { resources } = stored.config;
    resize(this.#options.cgroups, { path: this.#options.cgroupOf(id), update, before: resources }, () => {
      const config = { ...stored.config, resources: updatedResources(resources, update) };
      writeJson(join(this.#options.layout.sandbox(id), 'sandbox.json'), { ...stored, config });
      known.stored = { ...stored, config };
    });
  }

  #isReady({ stored, isShut }: Known): boolean {
    return stored !== undefined && !isShut && stored.bootId === this.#bootId && isAlive(stored.pause);
  }

  #status({ config, createdAt, pause }: StoredSandbox, known: Known): SandboxStatus {
    const ready = this.#isReady(known);
    return {
      id: config.id,
      podUid: config.podUid,
      podNamespace: config.podNamespace,
      podName: config.podName,
      state: ready ? 'ready' : 'notready',
      createdAt,
      networkNamespace: config.hostNetwork || !ready ? undefined : `/proc/${pause.pid}/ns/net`,
      labels: config.labels,
      resources: config.resources,
    };
  }

  /** The root of all pause containers; read-only in each. A new version replaces the program, not the one that runs. */
  #makePauseRoot(): void {
    const { pauseRoot } = this.#options.layout;
    for (const name of ['', 'proc', 'dev', 'sys']) mkdirSync(join(pauseRoot, name), { recursive: true, mode: 0o755 });
    const target = join(pauseRoot, 'pause');
    try {
      copyFileSync(pauseProgram, `${target}.new`);
      renameSync(`${target}.new`, target);
    } catch {
      // `info` says what is missing
    }
  }

  /** Removes whatever there is of it; every step can be repeated. */
  async #clear(id: string): Promise<void> {
    const { layout, cgroups, env } = this.#options;
    await this.#release(id);
    if (isId(id)) await removeGroups(cgroups, this.#options.cgroupOf(id), env);
    await rm(layout.sandbox(id), { recursive: true, force: true });
  }

  async #release(id: string): Promise<void> {
    const { layout, program } = this.#options;
    const stored = readJson(join(layout.sandbox(id), 'sandbox.json')) as StoredSandbox | undefined;
    if (stored?.bootId === this.#bootId) killProcess(stored.pause);
    if (isId(id)) await program.delete(pauseId(id));
    await unmountAll(join(layout.sandbox(id), 'shm'));
    if (isId(id)) await removeOpen(layout.openSandbox(id));
  }
}

/** No container has such a name: those begin with a letter or digit. */
export const pauseGroup = '.pause';

/** Of the OCI runtime. Ids of containers hold no underscore. */
function pauseId(sandboxId: string): string {
  return `pause_${sandboxId}`;
}
