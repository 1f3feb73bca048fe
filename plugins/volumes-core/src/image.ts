/** Volumes of images: the files of an image, read-only. Those of several layers are put together by an overlay of the pod. */
import { mkdir } from 'node:fs/promises';
import { errorMessage } from '@timonel/sdk';
import { mustRun } from '@timonel/sdk/command';
import { VolumeError, type PreparedVolume, type VolumeRequest } from '@timonel/sdk/contracts/volume';
import type { RootFilesystem } from '@timonel/sdk/contracts/runtime';
import { isMounted, mountSources } from './mount-table.ts';

/** The kernel takes one page of options. */
const optionsLimit = 4000;

export async function prepareImage({ image, directory }: VolumeRequest): Promise<PreparedVolume> {
  if (image === undefined) throw new VolumeError('the image has not been pulled');
  const [only, ...more] = image.layers;
  if (only === undefined) throw new VolumeError(`image ${image.reference} has no layers`);
  if (more.length === 0) return { hostPath: only, readOnly: true };
  if (!(await isMounted(directory))) await mountLayers(image, directory);
  return { hostPath: directory, readOnly: true };
}

async function mountLayers({ layers, reference }: RootFilesystem, directory: string): Promise<void> {
  const options = `ro,lowerdir=${layers.join(':')}`;
  if (layers.some((layer) => /[:,\\]/.test(layer)))
    throw new VolumeError(`the path ${layers[0]} holds one of the signs : , \\ which no overlay takes`);
  if (options.length > optionsLimit) throw new VolumeError(`image ${reference} has too many layers for a volume`);
  await mkdir(directory, { recursive: true });
  try {
    await mustRun('mount', ['-t', 'overlay', mountSources.image, '-o', options, directory]);
  } catch (error) {
    throw new VolumeError(`image ${reference} cannot be mounted: ${errorMessage(error)}`, { cause: error });
  }
}
