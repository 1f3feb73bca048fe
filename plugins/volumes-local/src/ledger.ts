/**
 * What the volumes of this node take of its capacity. Volumes that were made or enlarged a moment ago are not in the cache yet: they
 * are remembered here, so that the room is never given away twice. Bounded by the volumes of the node.
 */
import type { PersistentVolume } from '@timonel/sdk/kube';
import { volumeSize } from '@timonel/sdk/volumes';

export class Ledger {
  readonly #totalBytes: number;
  readonly #volumes: () => Iterable<PersistentVolume>;
  /** Bytes by the name of the volume. */
  readonly #pending = new Map<string, number>();

  /** `volumes`: those of this node, as the cache has them. */
  constructor(totalBytes: number, volumes: () => Iterable<PersistentVolume>) {
    this.#totalBytes = totalBytes;
    this.#volumes = volumes;
  }

  /** Bytes that are left, beside what the volume `except` takes. May be negative. */
  free(except: string = ''): number {
    const sizes = new Map<string, number>(this.#pending);
    for (const volume of this.#volumes()) {
      const { name = '' } = volume.metadata;
      const size = volumeSize(volume);
      if (size >= (this.#pending.get(name) ?? 0)) this.#settle(name, sizes);
      sizes.set(name, Math.max(size, sizes.get(name) ?? 0));
    }
    sizes.delete(except);
    return [...sizes.values()].reduce((left, size) => left - size, this.#totalBytes);
  }

  /** Takes room for the volume, in place of what it had. False: there is not enough. */
  take(name: string, bytes: number): boolean {
    if (bytes > this.free(name)) return false;
    this.#pending.set(name, bytes);
    return true;
  }

  /** Nothing came of it: only what the cache has counts. */
  drop(name: string): void {
    this.#pending.delete(name);
  }

  #settle(name: string, sizes: Map<string, number>): void {
    this.#pending.delete(name);
    sizes.delete(name);
  }
}
