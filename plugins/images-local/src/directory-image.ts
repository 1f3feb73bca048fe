import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@timonel/sdk';
import { ImageError, type ImageConfig } from '@timonel/sdk/contracts/images';
import type { Limits } from './config.ts';
import { completeConfig, encodeConfiguration } from './image-configuration.ts';
import { sha256, type NewBlob } from './layer-store.ts';
import { nodePlatform, platformText } from './platform.ts';
import type { PreparedImage } from './records.ts';
import { makeDirectory } from './unpack/entry-names.ts';
import type { UnpackPool } from './unpack/unpack-pool.ts';

/** @throws ImageError ImageInspectError */
export async function realDirectory(directory: string): Promise<string> {
  const source = await realpath(directory).catch((cause: unknown) => {
    const why = String((cause as { message?: unknown }).message ?? cause);
    throw new ImageError('ImageInspectError', `the directory ${directory} cannot be read: ${why}`, { cause });
  });
  if (!(await stat(source)).isDirectory()) throw new ImageError('ImageInspectError', `${directory} is not a directory`);
  return source;
}

/** Makes an image of one layer from a directory, in scratch. */
export async function prepareDirectoryImage(
  source: string,
  reference: string,
  config: Partial<ImageConfig>,
  created: string,
  means: { readonly pool: UnpackPool; readonly limits: Limits; readonly log: Logger; readonly scratch: string },
): Promise<PreparedImage> {
  const { pool, limits, log, scratch } = means;
  const path = join(scratch, 'layer.tar');
  const { leftOut } = await pool.run({ kind: 'pack', directory: source, path });
  if (leftOut.length > 0) log.warn({ leftOut }, 'sockets, fifos and devices were left out of the image');
  const root = join(scratch, 'layer');
  makeDirectory(root);
  const what = `the directory ${source}`;
  const layer = await pool.run({ kind: 'layer', path, what, root, lower: [], limits });
  const complete = completeConfig(config);
  const bytes = encodeConfiguration(complete, [layer.digest], created);
  const id = sha256(bytes);
  const blob = { digest: layer.fileDigest, size: layer.sizeBytes, compression: layer.compression };
  const record = {
    id,
    references: [reference],
    manifestDigests: [],
    layers: [{ chainId: layer.digest, sizeBytes: layer.unpackedBytes, blob }],
    created,
    config: complete,
    platform: platformText(nodePlatform()),
  };
  const blobs = new Map<string, NewBlob>([
    [id, { bytes }],
    [blob.digest, { path }],
  ]);
  return { record, blobs, unpacked: new Map([[layer.digest, root]]) };
}
