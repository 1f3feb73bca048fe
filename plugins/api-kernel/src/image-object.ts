import type { ImageInfo } from '@timonel/sdk/contracts/images';

export const apiVersion = 'kernel.timonel.dev/v1';

export function imageObject(image: ImageInfo): unknown {
  const { id, references, sizeBytes, created, config, digests = [], platform = '' } = image;
  return {
    kind: 'Image',
    apiVersion,
    metadata: { name: id },
    id,
    references,
    digests,
    platform,
    sizeBytes,
    created,
    layers: image.rootfs.layers.length,
    config,
  };
}

export function imageList(images: readonly ImageInfo[]): unknown {
  return { kind: 'ImageList', apiVersion, metadata: {}, items: images.map(imageObject) };
}
