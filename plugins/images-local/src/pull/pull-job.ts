import { join } from 'node:path';
import type { Logger } from '@timonel/sdk';
import type { Limits } from '../config.ts';
import { imageConfigOf, platformOf } from '../image-configuration.ts';
import type { ImageRecord, LayerRecord } from '../image-index.ts';
import type { LayerStore, NewBlob } from '../layer-store.ts';
import { checkUnpacked } from '../layers-bound.ts';
import { platformText } from '../platform.ts';
import type { PreparedImage } from '../records.ts';
import { corrupt } from '../unpack/corrupt.ts';
import { makeDirectory } from '../unpack/entry-names.ts';
import type { UnpackPool } from '../unpack/unpack-pool.ts';
import { downloadBlob } from './blob-download.ts';
import type { ProgressBoard } from './progress.ts';
import type { RemoteImage, RemoteLayer, RemoteSource } from './remote-image.ts';
import { Semaphore } from './semaphore.ts';

export interface PullMeans {
  readonly store: LayerStore;
  readonly pool: UnpackPool;
  readonly limits: Limits;
  readonly log: Logger;
  /** Of all pulls together. */
  readonly transfers: Semaphore;
  readonly parallelLayers: number;
}

interface Download {
  readonly path: string;
  readonly done: Promise<unknown>;
}

/** Brings the layers of one image into a scratch directory: several on their way at once, and unpacked in their order meanwhile. */
export class PullJob {
  readonly #means: PullMeans;
  readonly #source: RemoteSource;
  readonly #image: RemoteImage;
  readonly #scratch: string;
  readonly #board: ProgressBoard;
  /** Ends everything when a part fails. */
  readonly #controller: AbortController = new AbortController();
  readonly #downloads: Map<string, Download> = new Map();
  readonly #unpacked: Map<string, string> = new Map();
  fetchedBytes = 0;

  constructor(means: PullMeans, source: RemoteSource, image: RemoteImage, scratch: string, board: ProgressBoard) {
    this.#means = means;
    this.#image = image;
    this.#scratch = scratch;
    this.#board = board;
    const signals = source.access.signal === undefined ? [] : [source.access.signal];
    const signal = AbortSignal.any([this.#controller.signal, ...signals]);
    this.#source = { ...source, access: { ...source.access, signal } };
  }

  /** `known`: layers of the store, which stay there until the job is done. */
  async run(reference: string, known: ReadonlyMap<string, LayerRecord>): Promise<PreparedImage> {
    const present = this.#image.layers.map(({ chainId }) => known.get(chainId));
    this.#board.setLayers(
      this.#image.layers.map(({ digest, size }, i) => ({
        digest,
        doneBytes: present[i] === undefined ? 0 : size,
        totalBytes: size,
        state: present[i] === undefined ? 'waiting' : 'present',
      })),
    );
    this.#board.setPhase('downloading');
    this.#startDownloads(present);
    try {
      const layers: LayerRecord[] = [];
      for (const [i, layer] of this.#image.layers.entries()) {
        layers.push(present[i] ?? (await this.#unpack(layer, i)));
        checkUnpacked(layers, this.#means.limits);
      }
      return this.#prepared(reference, layers);
    } catch (error) {
      this.#controller.abort(error);
      // They write into the scratch directory, which is about to be removed; and what they have so far is kept.
      await Promise.allSettled([...this.#downloads.values()].map(({ done }) => done));
      throw error;
    }
  }

  #startDownloads(present: readonly (LayerRecord | undefined)[]): void {
    const own = new Semaphore(this.#means.parallelLayers);
    const { signal } = this.#source.access;
    if (signal === undefined) return;
    for (const [i, layer] of this.#image.layers.entries()) {
      // Of two equal layers the tar is fetched once.
      if (present[i] !== undefined || this.#downloads.has(layer.digest)) continue;
      const path = this.#means.store.downloadPath(this.#scratch, layer.digest);
      const done = own.run(signal, () => this.#means.transfers.run(signal, () => this.#download(layer, i, path)));
      done.catch(() => undefined);
      this.#downloads.set(layer.digest, { path, done });
    }
  }

  async #download(layer: RemoteLayer, at: number, path: string): Promise<void> {
    this.#board.setState(at, 'downloading');
    const { fetchedBytes } = await downloadBlob(this.#means.store, this.#source, layer, path, (doneBytes) =>
      this.#board.setBytes(at, doneBytes),
    );
    this.fetchedBytes += fetchedBytes;
  }

  async #unpack(layer: RemoteLayer, at: number): Promise<LayerRecord> {
    const download = this.#downloads.get(layer.digest);
    if (download === undefined) throw new Error(`the layer ${layer.digest} is not on its way`);
    await download.done;
    this.#board.setState(at, 'unpacking');
    const root = join(this.#scratch, `layer-${at}`);
    makeDirectory(root);
    const { store, pool, limits, log } = this.#means;
    const below = this.#image.layers.slice(0, at).reverse();
    const result = await pool.run(
      {
        kind: 'layer',
        path: download.path,
        what: `the layer ${layer.digest}`,
        root,
        lower: below.map(({ chainId }) => this.#unpacked.get(chainId) ?? store.layerPath(chainId)),
        limits,
      },
      this.#source.access.signal,
    );
    this.#check(layer, result);
    for (const note of result.notes) log.warn({ layer: layer.digest }, note);
    this.#unpacked.set(layer.chainId, root);
    this.#board.setState(at, 'done');
    const blob = { digest: layer.digest, size: layer.size, compression: result.compression };
    return { chainId: layer.chainId, sizeBytes: result.unpackedBytes, blob };
  }

  #check(layer: RemoteLayer, found: { readonly fileDigest: string; readonly digest: string }): void {
    if (found.fileDigest !== layer.digest) {
      throw corrupt(`the layer ${layer.digest} came with the digest ${found.fileDigest}: refused`);
    }
    if (found.digest !== layer.diffId) {
      throw corrupt(
        `the layer ${layer.digest} holds a tar of the digest ${found.digest}, the configuration says ${layer.diffId}: refused`,
      );
    }
  }

  #prepared(reference: string, layers: readonly LayerRecord[]): PreparedImage {
    const { manifest, manifestDigests, configDigest, configBytes, configuration } = this.#image;
    const blobs = new Map<string, NewBlob>([
      [configDigest, { bytes: configBytes }],
      [manifest.digest, { bytes: manifest.bytes }],
    ]);
    for (const [digest, { path }] of this.#downloads) blobs.set(digest, { path });
    const platform = platformOf(configuration);
    // Layers that were here may have come in other tars: then the manifest names some that are not.
    const isWhole = this.#image.layers.every(({ digest }, i) => layers[i]?.blob?.digest === digest);
    const { digest, size, mediaType } = manifest;
    const record: ImageRecord = {
      id: configDigest,
      references: [reference],
      manifestDigests,
      layers,
      created: configuration.created ?? '',
      config: imageConfigOf(configuration),
      platform: platform && platformText(platform),
      manifest: isWhole ? { digest, size, mediaType } : undefined,
    };
    return { record, blobs, unpacked: this.#unpacked };
  }
}
