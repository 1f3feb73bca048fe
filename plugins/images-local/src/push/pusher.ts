import { createReadStream } from 'node:fs';
import type { Env } from '@timonel/sdk';
import type { PullOptions } from '@timonel/sdk/contracts/images';
import type {
  ImageReference as RegistryReference,
  ImageRegistry,
  RegistryAccess,
} from '@timonel/sdk/contracts/registry';
import { ProgressBoard } from '../pull/progress.ts';
import { Semaphore } from '../pull/semaphore.ts';
import type { OutgoingBlob, OutgoingImage } from './outgoing-image.ts';

export interface PushTarget {
  readonly registry: ImageRegistry;
  readonly reference: RegistryReference;
  readonly options: PullOptions;
  readonly env: Env;
  readonly parallelLayers: number;
  readonly transfers: Semaphore;
}

/** Sends an image to a registry: what the registry lacks of its layers, several at once, then the configuration, and the manifest last. */
export async function pushImage(image: OutgoingImage, target: PushTarget): Promise<{ readonly digest: string }> {
  const { registry, reference, options, env } = target;
  const controller = new AbortController();
  const signals = options.signal === undefined ? [] : [options.signal];
  const signal = AbortSignal.any([controller.signal, ...signals]);
  const access: RegistryAccess = {
    credentials: options.credentials ?? [],
    plainHttp: options.plainHttp ?? false,
    signal,
  };
  const board = new ProgressBoard(
    (progress) => options.onProgress?.(progress),
    () => env.clock.monotonic(),
  );
  board.setLayers(
    image.layers.map(({ digest, size }) => ({ digest, doneBytes: 0, totalBytes: size, state: 'waiting' })),
  );
  board.setPhase('uploading');
  const own = new Semaphore(target.parallelLayers);
  const sent = new Set<string>();
  const works = image.layers.map((layer, at) => {
    if (sent.has(layer.digest)) return Promise.resolve(board.setState(at, 'present'));
    sent.add(layer.digest);
    return own.run(signal, () => target.transfers.run(signal, () => pushLayer(layer, at, target, access, board)));
  });
  try {
    await Promise.all(works);
  } catch (error) {
    controller.abort(error);
    await Promise.allSettled(works);
    throw error;
  }
  const { bytes, ...config } = image.config;
  if (!(await registry.hasBlob(reference, config.digest, access))) {
    await registry.pushBlob(reference, config, () => once(bytes), access);
  }
  await registry.pushManifest(reference, image.manifest, access);
  board.setPhase('done');
  return { digest: image.manifest.digest };
}

async function pushLayer(
  { path, ...layer }: OutgoingBlob,
  at: number,
  { registry, reference }: PushTarget,
  access: RegistryAccess,
  board: ProgressBoard,
): Promise<void> {
  if (await registry.hasBlob(reference, layer.digest, access)) return board.setState(at, 'present');
  // The contract has one word for a layer on its way, in either direction.
  board.setState(at, 'downloading');
  const content = async function* (): AsyncGenerator<Uint8Array> {
    let doneBytes = 0;
    for await (const piece of createReadStream(path, { highWaterMark: 256 * 1024 })) {
      doneBytes += (piece as Buffer).length;
      board.setBytes(at, doneBytes);
      yield piece as Buffer;
    }
  };
  await registry.pushBlob(reference, layer, content, access);
  board.setState(at, 'done');
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
