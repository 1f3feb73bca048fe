/** Directories of pods on this node: removed with the pod, and found when the pod went while nobody looked. */
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import { mountTable, removeTree } from '@timonel/sdk/linux';
import type { PodVolumes } from './pod-volumes.ts';

/** Nothing is removed through a mount: what it shows may be somebody's data. @throws Error while something is mounted below */
export async function removePodDirectory(directory: string): Promise<void> {
  const mounted = (await mountTable()).find(({ path }) => path.startsWith(directory + sep));
  if (mounted !== undefined) throw new Error(`${mounted.path} is mounted still (${mounted.type} of ${mounted.source})`);
  await removeTree(directory);
}

export interface LostDirectoriesParts {
  readonly env: Env;
  readonly log: Logger;
  readonly volumes: Pick<PodVolumes, 'remove'>;
  /** The parent of the pods' directories. */
  readonly directory: string;
  /** Uids of all pods that this node has anything to do with. Undefined: they are not known for certain. */
  known(): ReadonlySet<string> | undefined;
}

const sweepMs = 60_000;

/** Directories whose pods are not of this node any more. */
export class LostDirectories {
  readonly #parts: LostDirectoriesParts;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: LostDirectoriesParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = this.#parts.env.timers.every(sweepMs, () => void this.sweep());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#running;
  }

  sweep(): Promise<void> {
    this.#running ??= this.#sweep().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #sweep(): Promise<void> {
    const { directory, log } = this.#parts;
    const there = await readdir(directory).catch(() => []);
    // Read after the directories, so that a pod that comes meanwhile is known.
    const pods = this.#parts.known();
    for (const uid of pods === undefined ? [] : there.filter((each) => !pods.has(each))) {
      try {
        await this.#parts.volumes.remove({ namespace: '', name: '', uid });
        await removePodDirectory(join(directory, uid));
        log.info({ podUid: uid }, 'removed the directory of a pod that is gone');
      } catch (error) {
        log.warn(
          { podUid: uid, error: errorMessage(error) },
          'directory of a pod that is gone not removed, will retry',
        );
      }
    }
  }
}
