/** `volumesInUse` of the node: volumes that are not to be detached from it. */
import { isDeepStrictEqual } from 'node:util';
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { VolumeError } from '@timonel/sdk/contracts/volume';
import { nodes } from '@timonel/sdk/kube';
import { uniqueVolumeName } from '@timonel/sdk/volumes';
import type { VolumeRecords } from './records.ts';

export interface InUseOptions {
  readonly nodeName: string;
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  readonly records: VolumeRecords;
}

const retryMs = 2000;

export class InUse {
  readonly #options: InUseOptions;
  readonly #listeners = new Set<() => void>();
  #timer: TimerHandle | undefined;
  #closed = false;

  constructor(options: InUseOptions) {
    this.#options = options;
  }

  /** Sorted. */
  names(): readonly string[] {
    const attached = this.#options.records.all().filter(({ isAttached }) => isAttached);
    return [
      ...new Set(attached.map(({ driverName, volumeHandle }) => uniqueVolumeName(driverName, volumeHandle))),
    ].toSorted();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Before something is mounted: nobody must detach it meanwhile. @throws VolumeError */
  async tell(): Promise<void> {
    try {
      await this.#write();
    } catch (error) {
      throw new VolumeError(`the node's volumes in use cannot be told: ${errorMessage(error)}`, { cause: error });
    }
  }

  /** It is told in time. */
  changed(): void {
    if (this.#closed) return;
    this.#timer?.cancel();
    for (const listener of this.#listeners) listener();
    this.#write().catch((error: unknown) => {
      this.#options.log.debug({ error: errorMessage(error) }, 'volumes in use not told, will retry');
      if (!this.#closed) this.#timer = this.#options.env.timers.after(retryMs, () => this.changed());
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #write(): Promise<void> {
    const { api, nodeName } = this.#options;
    const node = await api.get(nodes, { name: nodeName });
    const volumesInUse = this.names();
    if (isDeepStrictEqual(node.status?.['volumesInUse'] ?? [], volumesInUse)) return;
    const body = { status: { volumesInUse } };
    await api.patch(
      nodes,
      { name: nodeName },
      { type: 'merge', body },
      { subresource: 'status', fieldManager: 'volumes-csi' },
    );
  }
}
