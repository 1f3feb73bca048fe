import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@timonel/sdk';
import { findArchivedImages, type ArchivedImage } from './archive-images.ts';
import { parseJson, StagedArchive } from './archive-staging.ts';
import type { Limits } from './config.ts';
import { corrupt, shown } from './corrupt.ts';
import { configurationSchema, imageConfigOf, machineArchitecture } from './image-configuration.ts';
import { makeDirectory } from './layer-tree.ts';
import type { ImageRecord, LayerRecord } from './image-index.ts';
import { chainIds, sha256, type LayerStore } from './layer-store.ts';
import { unpackLayer } from './layer-unpack.ts';
import { parseReference } from './reference.ts';
import { readTarFile } from './tar-entries.ts';

/** An image that is complete in scratch and only has to be moved in place. */
export interface PreparedImage {
  readonly record: ImageRecord;
  /** The configuration. */
  readonly blob: Uint8Array;
  /** Newly unpacked layers: chain id to scratch directory. */
  readonly unpacked: ReadonlyMap<string, string>;
}

interface JobLayer {
  readonly record: LayerRecord;
  /** Where it is unpacked; undefined: the store has it. */
  readonly path: string | undefined;
}

/** Unpacks and checks an archive in a scratch directory. Touches nothing of the store but to read layers it has. */
export class ImportJob {
  readonly #store: LayerStore;
  /** Layers of images in the store and their sizes. */
  readonly #known: ReadonlyMap<string, number>;
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #scratch: string;
  /** Layers this job has unpacked; images of one archive share them. */
  readonly #unpacked: Map<string, JobLayer> = new Map();

  constructor(store: LayerStore, known: ReadonlyMap<string, number>, limits: Limits, log: Logger, scratch: string) {
    this.#store = store;
    this.#known = known;
    this.#limits = limits;
    this.#log = log;
    this.#scratch = scratch;
  }

  /** `reference` replaces the name of the only image of the archive. */
  async prepare(path: string, reference: string | undefined): Promise<readonly PreparedImage[]> {
    const files = join(this.#scratch, 'archive');
    await mkdir(files);
    const archive = new StagedArchive(files, this.#limits);
    await archive.load(path);
    const images = await findArchivedImages(archive);
    if (reference !== undefined && images.length > 1) {
      throw corrupt(
        `the archive holds ${images.length} images: one name (${reference}) cannot be given to all; leave it out`,
      );
    }
    const prepared: PreparedImage[] = [];
    for (const image of images) {
      const references =
        reference === undefined ? image.references.map((name) => parseReference(name).full) : [reference];
      prepared.push(await this.#prepareImage(archive, image, references));
    }
    return prepared;
  }

  async #prepareImage(
    archive: StagedArchive,
    image: ArchivedImage,
    references: readonly string[],
  ): Promise<PreparedImage> {
    const blob = await archive.bytes(image.configName);
    const configuration = parseJson(blob, image.configName, configurationSchema);
    const diffIds = configuration.rootfs.diff_ids;
    if (diffIds.length !== image.layerNames.length) {
      throw corrupt(`the configuration names ${diffIds.length} layers, the manifest ${image.layerNames.length}`);
    }
    if (diffIds.length === 0 || diffIds.length > this.#limits.maxLayers) {
      throw corrupt(`the image has ${diffIds.length} layers; 1 to ${this.#limits.maxLayers} are possible`);
    }
    const { architecture } = configuration;
    if (architecture !== '' && architecture !== machineArchitecture()) {
      this.#log.warn({ references, architecture }, `the image is not made for this machine (${machineArchitecture()})`);
    }
    const chain = chainIds(diffIds);
    const unpacked = new Map<string, string>();
    const layers: LayerRecord[] = [];
    for (const [i, layerName] of image.layerNames.entries()) {
      const layer = await this.#layer(archive, layerName, diffIds[i] ?? '', chain, i);
      layers.push(layer.record);
      if (layer.path !== undefined) unpacked.set(layer.record.chainId, layer.path);
    }
    const record: ImageRecord = {
      id: sha256(blob),
      references,
      manifestDigests: image.manifestDigests,
      layers,
      created: configuration.created ?? '',
      config: imageConfigOf(configuration),
    };
    return { record, blob, unpacked };
  }

  async #layer(
    archive: StagedArchive,
    name: string,
    diffId: string,
    chain: readonly string[],
    position: number,
  ): Promise<JobLayer> {
    const chainId = chain[position] ?? '';
    const done = this.#unpacked.get(chainId);
    if (done !== undefined) return done;
    const file = archive.file(name);
    const knownBytes = this.#known.get(chainId);
    if (knownBytes !== undefined && (await this.#store.hasLayer(chainId))) {
      return { record: { chainId, sizeBytes: knownBytes }, path: undefined };
    }
    const path = join(this.#scratch, `layer-${this.#unpacked.size}`);
    await makeDirectory(path);
    const below = chain.slice(0, position).reverse();
    const layer = await unpackLayer(
      (visit) => readTarFile(file.path, `the layer ${shown(name)}`, this.#limits.maxLayerBytes, visit),
      path,
      below.map((id) => this.#unpacked.get(id)?.path ?? this.#store.layerPath(id)),
      this.#limits,
      this.#log,
    );
    if (layer.digest !== diffId) {
      throw corrupt(
        `the layer ${shown(name)} has the digest ${layer.digest}, the configuration says ${diffId}: the archive is damaged`,
      );
    }
    const jobLayer = { record: { chainId, sizeBytes: layer.unpackedBytes }, path };
    this.#unpacked.set(chainId, jobLayer);
    return jobLayer;
  }
}
