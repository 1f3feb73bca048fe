/**
 * Where files of Secrets, tokens and fields of pods lie: in one file system in memory for the whole node, a folder a volume. A mount for each
 * volume would cost every pod a process, and the node a table of mounts that grows with its pods.
 */
import { lstat, mkdir, rm, rmdir } from 'node:fs/promises';
import { release } from 'node:os';
import { dirname, join } from 'node:path';
import { errorCode, errorMessage, type Logger, type StopReason } from '@timonel/sdk';
import { mustRun } from '@timonel/sdk/command';
import type { VolumePod, VolumeRequest } from '@timonel/sdk/contracts/volume';
import { wholeQuantity } from '@timonel/sdk/kube';
import { instanceOf, mayMount, memoryPlaces, mountTable } from '@timonel/sdk/linux';
import type { MemoryFilesystems } from '../memory-filesystems.ts';

export interface MemoryRootParts {
  /** Of the plugin: the file system is mounted in it. */
  readonly dataDir: string;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly filesystems: MemoryFilesystems;
  /** Absent: as the machine is. */
  readonly host?: { readonly mayMount: boolean; readonly places: readonly string[] };
}

export class MemoryRoot {
  readonly #parts: MemoryRootParts;
  readonly #mountPoint: string;
  /** In memory that others made, for a node that cannot mount. */
  readonly #shared: readonly string[];
  readonly #mayMount: boolean;
  #making: Promise<string | undefined> | undefined;
  #hasTold = false;

  constructor(parts: MemoryRootParts) {
    const { dataDir, host = { mayMount: mayMount(), places: memoryPlaces() } } = parts;
    this.#parts = parts;
    this.#mountPoint = join(dataDir, 'memory');
    this.#mayMount = host.mayMount;
    this.#shared = host.places.map((place) => join(place, `timonel-volumes-${instanceOf(dataDir)}`));
  }

  /** Where the files of the volume lie: its own directory where there is no memory for them. */
  async directoryOf({ pod, volume, directory, node }: VolumeRequest): Promise<string> {
    const { uid = '' } = pod.metadata;
    // Containers that run show what an older version of the node made there.
    const isOnDisk = (await lstat(join(directory, '..data')).catch(() => undefined)) !== undefined;
    if (isOnDisk || !isFolder(uid) || (pod.spec['hostUsers'] === false && !mapsIdsInMemory())) return directory;
    const found = await this.#found(uid, volume.name);
    if (found !== undefined) return found;
    this.#making ??= this.#make(node.allocatable['memory']).finally(() => (this.#making = undefined));
    const root = await this.#making;
    return root === undefined ? directory : join(root, uid, volume.name);
  }

  /** Answers the directories that the pod has no more. @throws Error when something is mounted there, which may be somebody's data */
  async remove({ uid }: VolumePod): Promise<readonly string[]> {
    if (!isFolder(uid)) return [];
    const all = this.#roots().map((root) => ({ root, path: join(root, uid) }));
    const mounts = await mountTable();
    for (const { root, path } of all) {
      if (!(await isOwn(root))) continue;
      const mounted = mounts.find((each) => each.path.startsWith(`${path}/`));
      if (mounted !== undefined)
        throw new Error(`${mounted.path} is mounted still (${mounted.type} of ${mounted.source})`);
      await rm(path, { recursive: true, force: true });
    }
    return all.map(({ path }) => path);
  }

  #roots(): readonly string[] {
    return [this.#mountPoint, ...this.#shared];
  }

  /** Where it has been filled: containers that run show that place, whatever others there are by now. */
  async #found(uid: string, volume: string): Promise<string | undefined> {
    for (const root of this.#roots()) {
      const path = join(root, uid, volume);
      const isFilled = (await lstat(join(path, '..data')).catch(() => undefined)) !== undefined;
      if (isFilled && (await isOwn(root))) return path;
    }
    return undefined;
  }

  /** Nothing stays of it but what pods have that outlive this process. */
  async close(reason: StopReason): Promise<void> {
    // The next one may be at work in it.
    if (reason === 'swap') return;
    for (const root of this.#shared) await rmdir(root).catch(() => undefined);
    if (!(await this.#isMounted())) return;
    const isEmpty = await lstat(this.#mountPoint).then(({ nlink }) => nlink === 2);
    if (!isEmpty) return;
    await mustRun('umount', ['--', this.#mountPoint]).catch((error: unknown) =>
      this.#parts.log.warn({ path: this.#mountPoint, error: errorMessage(error) }, 'memory of volumes not unmounted'),
    );
    await rmdir(this.#mountPoint).catch(() => undefined);
  }

  /** Looked at each time: a mount may be gone, by a boot or by somebody's hand. */
  async #make(memory: string | undefined): Promise<string | undefined> {
    if (await this.#isMounted()) return this.#mountPoint;
    const why = this.#mayMount ? await this.#mount(memory) : 'this user may not mount file systems';
    if (why === '') return this.#mountPoint;
    for (const root of this.#shared) {
      if (!(await makeOwn(root).catch(() => false))) continue;
      this.#tell({ path: root, why }, 'info', 'Secrets in volumes lie in memory that the machine has');
      return root;
    }
    this.#tell(
      { why },
      'warn',
      'Secrets in volumes lie on the disk while their pods are there: there is no memory for them',
    );
    return undefined;
  }

  /** Empty: it is mounted. */
  async #mount(memory: string | undefined): Promise<string> {
    // Half of what pods may have, as the kernel does by itself with all there is.
    const size = Math.floor((wholeQuantity(memory ?? '0') ?? 0) / 2);
    const options = ['nosuid', 'nodev', 'mode=0700', ...(size > 0 ? [`size=${size}`] : [])];
    try {
      await mkdir(this.#mountPoint, { recursive: true, mode: 0o700 });
      await this.#parts.filesystems.mount(this.#mountPoint, options);
      return '';
    } catch (error) {
      return errorMessage(error);
    }
  }

  async #isMounted(): Promise<boolean> {
    const found = await lstat(this.#mountPoint).catch(() => undefined);
    return found !== undefined && found.dev !== (await lstat(dirname(this.#mountPoint))).dev;
  }

  #tell(fields: Readonly<Record<string, unknown>>, level: 'info' | 'warn', message: string): void {
    if (!this.#hasTold) this.#parts.log[level](fields, message);
    this.#hasTold = true;
  }
}

const isFolder = (uid: string): boolean => /^[A-Za-z0-9][\w.-]*$/.test(uid);

/** Kernels before 6.3 give the files of such a file system to no user namespace. */
function mapsIdsInMemory(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major * 100 + minor >= 603;
}

async function isOwn(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isDirectory() === true && found.uid === process.geteuid?.();
}

/** For us alone. False: somebody else has the name. */
async function makeOwn(path: string): Promise<boolean> {
  await mkdir(path, { mode: 0o700 }).catch((error: unknown) => {
    if (errorCode(error) !== 'EEXIST') throw error;
  });
  return isOwn(path);
}
