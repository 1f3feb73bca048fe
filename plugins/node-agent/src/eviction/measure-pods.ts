/** Measures what pods take: memory and processes by their runtimes, space by looking at their directories. */
import { join } from 'node:path';
import { errorMessage, type Clock, type Logger } from '@timonel/sdk';
import type { ContainerRuntime, ContainerStats, ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import { DirectorySizes } from '@timonel/sdk/linux';
import { logDirectoryOf } from '../agent/directories.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import type { ContainerUse, PodUse, Space, VolumeSpace } from './pod-use.ts';

export interface MeasuredPod {
  pod(): Pod;
  readonly containers: ReadonlyMap<string, ContainerStatus>;
}

export interface PodMeasuresParts {
  readonly dataDir: string;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly log: Logger;
  readonly volumes: Pick<PodVolumes, 'usage'>;
  runtimes(): readonly Pick<ContainerRuntime, 'stats'>[];
}

const nothing: Space = { bytes: 0, inodes: 0 };

export class PodMeasures {
  readonly #parts: PodMeasuresParts;
  readonly #sizes: DirectorySizes;

  constructor(parts: PodMeasuresParts) {
    this.#parts = parts;
    this.#sizes = new DirectorySizes(parts.clock);
  }

  /** By container id. Those of a runtime that does not answer are absent. */
  async stats(): Promise<ReadonlyMap<string, ContainerStats>> {
    const all = this.#parts.runtimes().map((runtime) =>
      runtime.stats().catch((error: unknown) => {
        this.#parts.log.warn({ error: errorMessage(error) }, 'a runtime does not say what its containers use');
        return [];
      }),
    );
    return new Map((await Promise.all(all)).flat().map((each) => [each.id, each]));
  }

  /** `withSpace`: the disk is looked at, too. Undefined: nothing of it runs, as far as is known. */
  async use(
    measured: MeasuredPod,
    stats: ReadonlyMap<string, ContainerStats>,
    withSpace: boolean,
  ): Promise<PodUse | undefined> {
    const pod = measured.pod();
    const statuses = [...measured.containers.values()];
    const running = statuses.flatMap(({ id }) => stats.get(id) ?? []);
    if (running.length === 0 && !withSpace) return undefined;
    const names = [...new Set(statuses.map(({ name }) => name))];
    const containers = await Promise.all(names.map((name) => this.#container(pod, name, statuses, stats, withSpace)));
    return {
      memoryBytes: running.reduce((sum, { memoryWorkingSetBytes }) => sum + memoryWorkingSetBytes, 0),
      pids: running.reduce((sum, each) => sum + each.pids, 0),
      containers,
      volumes: withSpace ? await this.#volumes(pod) : new Map(),
    };
  }

  /** All tries of it together: each keeps what it wrote until it is removed. */
  async #container(
    pod: Pod,
    name: string,
    statuses: readonly ContainerStatus[],
    stats: ReadonlyMap<string, ContainerStats>,
    withSpace: boolean,
  ): Promise<ContainerUse> {
    const own = statuses.filter((status) => status.name === name);
    const memoryBytes = own.reduce((sum, { id }) => sum + (stats.get(id)?.memoryWorkingSetBytes ?? 0), 0);
    if (!withSpace) return { name, memoryBytes, written: undefined, logs: nothing };
    const layers = own.flatMap(({ writableLayer }) => (writableLayer === undefined ? [] : [writableLayer]));
    const spaces = await Promise.all(layers.map((layer) => this.#sizes.of(layer)));
    const written = spaces.reduce<Space | undefined>(
      (sum, { bytes, inodes }) => ({ bytes: (sum?.bytes ?? 0) + bytes, inodes: (sum?.inodes ?? 0) + inodes }),
      undefined,
    );
    const logs = await this.#sizes.of(join(logDirectoryOf(this.#parts.dataDir, pod), name));
    return { name, memoryBytes, written, logs };
  }

  async #volumes({ metadata: { uid = '' } }: Pod): Promise<Map<string, VolumeSpace>> {
    const used = await this.#parts.volumes.usage(uid);
    const onDisk = used.filter(({ medium }) => medium === 'disk');
    return new Map(
      onDisk.map(({ name, usedBytes: bytes, inodesUsed: inodes, limitBytes }) => [
        name,
        limitBytes === undefined ? { bytes, inodes } : { bytes, inodes, limitBytes },
      ]),
    );
  }

  /** Forgets the directories of pods that are gone. */
  retain(pods: readonly MeasuredPod[]): void {
    const kept = pods.flatMap((each) => {
      const pod = each.pod();
      const statuses = [...each.containers.values()];
      const logs = logDirectoryOf(this.#parts.dataDir, pod);
      return statuses.flatMap(({ name, writableLayer = '' }) => [writableLayer, join(logs, name)]);
    });
    this.#sizes.retain(new Set(kept));
  }
}
