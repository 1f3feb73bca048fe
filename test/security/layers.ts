/** Images of hostile layers, as a node takes them in. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core/env';
import { errorMessage, type Logger } from '@timonel/sdk';
import type { RootFilesystem } from '@timonel/sdk/contracts/runtime';
import { ociArchive } from '../../sdk/testkit/src/contracts/images/archives.ts';
import { writeTar, type TarMember } from '../../sdk/testkit/src/contracts/images/tar-writer.ts';
import { configSchema, type Limits } from '../../plugins/images-local/src/config.ts';
import { ImageStore } from '../../plugins/images-local/src/image-store.ts';
import type { AttackBed } from './bed.ts';

const env = createRealEnv();
const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };

export interface TakenIn {
  /** What a runtime gets. Undefined: it was refused. */
  readonly image: RootFilesystem | undefined;
  readonly refusal: string;
  /** Where the store has its files. */
  readonly store: string;
}

export type Layer = readonly TarMember[] | Uint8Array;

/** Has the node take in an image with these layers upon that of the attackers, the lowest first. */
export async function takeIn(bed: AttackBed, layers: readonly Layer[], limits: Partial<Limits> = {}): Promise<TakenIn> {
  const directory = bed.directory();
  const path = join(directory, 'image.tar');
  const tars = layers.map((layer) => (layer instanceof Uint8Array ? layer : writeTar(layer)));
  writeFileSync(path, ociArchive([{ layers: tars, references: ['timonel.local/hostile:1'] }]));
  const dataDir = join(directory, 'store');
  const config = configSchema.parse({ hostImage: false, unpackThreads: 1, limits });
  const store = await ImageStore.open({ dataDir, env, log: quiet, config });
  try {
    const [taken] = await store.importArchive(path);
    if (taken === undefined) throw new Error('the archive held no image');
    const { rootfs } = taken;
    return { image: { ...rootfs, layers: [...rootfs.layers, bed.root] }, refusal: '', store: dataDir };
  } catch (error) {
    return { image: undefined, refusal: errorMessage(error), store: dataDir };
  } finally {
    await store.close();
  }
}
