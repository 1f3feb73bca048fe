import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Env, Logger } from '@timonel/sdk';
import {
  currentHostImageId,
  describeHostImage,
  hostImageReference,
  rememberHostImage,
  writeHostLayer,
} from './host-image.ts';
import type { ImageRecord } from './image-index.ts';
import type { LayerStore } from './layer-store.ts';
import { nodePlatform, platformText } from './platform.ts';
import type { ImageRecords } from './records.ts';

/** Keeps `timonel.local/node:host` as this host's files are. */
export class HostImageBuilder {
  readonly #statePath: string;
  readonly #env: Env;
  readonly #log: Logger;
  readonly #layers: LayerStore;
  readonly #records: ImageRecords;
  #building: Promise<void> | undefined;

  constructor(dataDir: string, env: Env, log: Logger, layers: LayerStore, records: ImageRecords) {
    this.#statePath = join(dataDir, 'host-image.json');
    this.#env = env;
    this.#log = log;
    this.#layers = layers;
    this.#records = records;
  }

  /** One build at a time, whoever asks. */
  ensure(): Promise<void> {
    this.#building ??= this.#build().finally(() => (this.#building = undefined));
    return this.#building;
  }

  async #build(): Promise<void> {
    const nodePath = await realpath(process.execPath);
    const current = await currentHostImageId(this.#statePath, nodePath);
    const named = await this.#records.find(hostImageReference);
    // Someone may have imported an image of their own under this name: theirs stays.
    const isOwn = named?.config.labels['timonel.local/built-from'] === 'host';
    if (named !== undefined && (!isOwn || named.id === current)) return;
    const startMs = this.#env.clock.monotonic();
    const image = await describeHostImage(nodePath);
    await this.#layers.withScratch(async (scratch) => {
      const root = join(scratch, 'layer');
      await mkdir(root);
      await writeHostLayer(root, image);
      const record: ImageRecord = {
        id: image.id,
        references: [hostImageReference],
        manifestDigests: [],
        layers: [{ chainId: image.diffId, sizeBytes: image.sizeBytes }],
        created: '',
        config: image.config,
        platform: platformText(nodePlatform()),
      };
      const blobs = new Map([[image.id, { bytes: image.configuration }]]);
      await this.#records.commit([{ record, blobs, unpacked: new Map([[image.diffId, root]]) }]);
    });
    await rememberHostImage(this.#statePath, nodePath, image);
    const tookMs = Math.round(this.#env.clock.monotonic() - startMs);
    this.#log.info({ image: hostImageReference, files: image.files.length, tookMs }, 'image made from this host');
  }
}
