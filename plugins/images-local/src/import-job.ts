import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@timonel/sdk';
import { findArchivedImages, type ArchivedImage } from './archive-images.ts';
import { parseJson, StagedArchive } from './archive-staging.ts';
import type { Limits } from './config.ts';
import { checkDiffIds, configurationSchema, imageConfigOf, platformOf } from './image-configuration.ts';
import type { ImageRecord, LayerManifest, LayerRecord } from './image-index.ts';
import { mediaTypes } from './image-documents.ts';
import { chainIds, sha256, type LayerStore, type NewBlob } from './layer-store.ts';
import { checkUnpacked } from './layers-bound.ts';
import { machineArchitecture, platformText } from './platform.ts';
import type { PreparedImage } from './records.ts';
import { parseReference } from './reference.ts';
import { corrupt, shown } from './unpack/corrupt.ts';
import { makeDirectory } from './unpack/entry-names.ts';
import type { UnpackPool } from './unpack/unpack-pool.ts';

interface JobLayer {
  readonly record: LayerRecord;
  /** Where it is unpacked; undefined: the store has it. */
  readonly path: string | undefined;
  /** Where its tar lies. */
  readonly tar: string;
}

/** Unpacks and checks an archive in a scratch directory. Touches nothing of the store but to read layers it has. */
export class ImportJob {
  readonly #store: LayerStore;
  readonly #pool: UnpackPool;
  /** Layers of images in the store. */
  readonly #known: ReadonlyMap<string, LayerRecord>;
  readonly #limits: Limits;
  readonly #log: Logger;
  readonly #scratch: string;
  /** Layers this job has unpacked; images of one archive share them. */
  readonly #unpacked: Map<string, JobLayer> = new Map();

  constructor(
    store: LayerStore,
    pool: UnpackPool,
    known: ReadonlyMap<string, LayerRecord>,
    limits: Limits,
    log: Logger,
    scratch: string,
  ) {
    this.#store = store;
    this.#pool = pool;
    this.#known = known;
    this.#limits = limits;
    this.#log = log;
    this.#scratch = scratch;
  }

  /** `reference` replaces the name of the only image of the archive. */
  async prepare(path: string, reference: string | undefined): Promise<readonly PreparedImage[]> {
    const directory = join(this.#scratch, 'archive');
    await mkdir(directory);
    const staged = await this.#pool.run({ kind: 'archive', path, directory, limits: this.#limits });
    const archive = new StagedArchive(staged, this.#limits);
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
    const config = await archive.bytes(image.configName);
    const configuration = parseJson(config, `${shown(image.configName)} of the archive`, configurationSchema);
    const diffIds = configuration.rootfs.diff_ids;
    checkDiffIds(diffIds, image.layerNames.length, this.#limits);
    const platform = platformOf(configuration);
    if (platform !== undefined && platform.architecture !== machineArchitecture()) {
      const made = platformText(platform);
      this.#log.warn(
        { references, platform: made },
        `the image is not made for this machine (${machineArchitecture()})`,
      );
    }
    const chain = chainIds(diffIds);
    const unpacked = new Map<string, string>();
    const id = sha256(config);
    const blobs = new Map<string, NewBlob>([[id, { bytes: config }]]);
    const layers: LayerRecord[] = [];
    for (const [i, layerName] of image.layerNames.entries()) {
      const layer = await this.#layer(archive, layerName, diffIds[i] ?? '', chain, i);
      layers.push(layer.record);
      if (layer.path !== undefined) unpacked.set(layer.record.chainId, layer.path);
      const { blob } = layer.record;
      if (blob !== undefined) blobs.set(blob.digest, { path: layer.tar });
    }
    const manifest = await this.#manifest(archive, image, blobs);
    const record: ImageRecord = {
      id,
      references,
      manifestDigests: image.manifestDigests,
      layers,
      created: configuration.created ?? '',
      config: imageConfigOf(configuration),
      platform: platform && platformText(platform),
      manifest,
    };
    return { record, blobs, unpacked };
  }

  async #manifest(
    archive: StagedArchive,
    { manifestName, manifestDigests }: ArchivedImage,
    blobs: Map<string, NewBlob>,
  ): Promise<LayerManifest | undefined> {
    const digest = manifestDigests.at(-1);
    if (manifestName === undefined || digest === undefined) return undefined;
    const bytes = await archive.bytes(manifestName);
    blobs.set(digest, { bytes });
    const { mediaType } = JSON.parse(bytes.toString('utf8')) as { readonly mediaType?: unknown };
    return { digest, size: bytes.length, mediaType: typeof mediaType === 'string' ? mediaType : mediaTypes.manifest };
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
    const known = this.#known.get(chainId);
    // With its tar it is unpacked again only when this is another one: of two that give the same layer, this archive's manifest names this.
    if (known?.blob?.digest === file.digest && (await this.#store.hasLayer(chainId))) {
      return { record: known, path: undefined, tar: file.path };
    }
    const path = join(this.#scratch, `layer-${this.#unpacked.size}`);
    makeDirectory(path);
    const below = chain.slice(0, position).reverse();
    const layer = await this.#pool.run({
      kind: 'layer',
      path: file.path,
      what: `the layer ${shown(name)}`,
      root: path,
      lower: below.map((id) => this.#unpacked.get(id)?.path ?? this.#store.layerPath(id)),
      limits: this.#limits,
    });
    for (const note of layer.notes) this.#log.warn({ diffId }, note);
    if (layer.digest !== diffId) {
      throw corrupt(
        `the layer ${shown(name)} has the digest ${layer.digest}, the configuration says ${diffId}: the archive is damaged`,
      );
    }
    const blob = { digest: layer.fileDigest, size: file.sizeBytes, compression: layer.compression };
    const jobLayer = { record: { chainId, sizeBytes: layer.unpackedBytes, blob }, path, tar: file.path };
    this.#unpacked.set(chainId, jobLayer);
    checkUnpacked(
      [...this.#unpacked.values()].map(({ record }) => record),
      this.#limits,
    );
    return jobLayer;
  }
}
