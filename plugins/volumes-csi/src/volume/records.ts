/** What was begun for volumes of pods, on the disk before it is begun: so all of it is undone, whoever crashed when. */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorMessage, type Logger } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import type { VolumePaths, VolumePlace } from './paths.ts';

const fileName = 'vol_data.json';

/** Names of fields that the kubelet has, too, are the kubelet's. */
export interface VolumeRecord {
  readonly driverName: string;
  readonly volumeHandle: string;
  readonly specVolID: string;
  readonly volumeLifecycleMode: 'Persistent' | 'Ephemeral';
  readonly podUid: string;
  readonly isBlock: boolean;
  readonly isAttached: boolean;
  readonly targetPath: string;
  /** Empty: the driver stages nothing. */
  readonly stagingPath: string;
  /** The driver said that it is done. */
  readonly isPublished: boolean;
  /** What the driver's CSIDriver asked for: the API may be away when it is needed next. */
  readonly requiresRepublish: boolean;
}

export function placeOf(record: VolumeRecord): VolumePlace {
  const { driverName, volumeHandle, specVolID, podUid, isBlock } = record;
  return { driver: driverName, handle: volumeHandle, specName: specVolID, podUid, isBlock };
}

export class VolumeRecords {
  readonly #paths: VolumePaths;
  readonly #log: Logger;
  /** By their directories. */
  readonly #known = new Map<string, VolumeRecord>();

  constructor(paths: VolumePaths, log: Logger) {
    this.#paths = paths;
    this.#log = log;
  }

  /** Takes over what a former process wrote. */
  async load(): Promise<void> {
    for (const uid of await readdir(this.#paths.pods).catch(() => [])) {
      const volumes = this.#paths.volumesOf(uid);
      for (const name of await readdir(volumes).catch(() => [])) await this.#read(join(volumes, name));
    }
  }

  all(): readonly VolumeRecord[] {
    return [...this.#known.values()];
  }

  of(podUid: string): readonly VolumeRecord[] {
    return this.all().filter((record) => record.podUid === podUid);
  }

  get(place: VolumePlace): VolumeRecord | undefined {
    return this.#known.get(this.#paths.volume(place));
  }

  /** Of other pods that have the same volume. */
  others({ podUid, driverName, volumeHandle }: VolumeRecord): readonly VolumeRecord[] {
    return this.all().filter(
      (other) => other.podUid !== podUid && other.driverName === driverName && other.volumeHandle === volumeHandle,
    );
  }

  async write(record: VolumeRecord): Promise<void> {
    const directory = this.#paths.volume(placeOf(record));
    await mkdir(directory, { recursive: true, mode: 0o750 });
    await writeFileAtomically(join(directory, fileName), `${JSON.stringify(record)}\n`);
    this.#known.set(directory, record);
  }

  /** With the directories that nothing is left in. */
  async remove(record: VolumeRecord): Promise<void> {
    const directory = this.#paths.volume(placeOf(record));
    await rm(join(directory, fileName), { force: true });
    await rm(join(directory, `${fileName}.new`), { force: true });
    this.#known.delete(directory);
    let path = directory;
    while (path !== this.#paths.pods) {
      const isGone = await rmdir(path).then(
        () => true,
        () => false,
      );
      if (!isGone) return;
      path = dirname(path);
    }
  }

  async #read(directory: string): Promise<void> {
    try {
      const text = await readFileIfThere(join(directory, fileName));
      if (text === undefined) return;
      const record = JSON.parse(text) as VolumeRecord;
      // A kubelet's, of another time of this machine, lacks what is needed to undo it.
      if (this.#paths.volume(placeOf(record)) !== directory) throw new Error('it is of another volume');
      this.#known.set(directory, record);
    } catch (error) {
      this.#log.warn({ directory, error: errorMessage(error) }, 'what is known of a CSI volume is damaged: it is left');
    }
  }
}
