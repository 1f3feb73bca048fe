import type { Many } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ImageService } from '@timonel/sdk/contracts/images';
import type { ContainerRuntime, ContainerStatus } from '@timonel/sdk/contracts/runtime';
import { pods } from '@timonel/sdk/kube';

/** The containers of all runtimes of this node, also those that have ended and may start again. @throws when one does not answer */
export async function containersOf(runtimes: Many<ContainerRuntime>): Promise<readonly ContainerStatus[]> {
  const lists = await Promise.all(runtimes.all().map(({ service }) => service.listContainers()));
  return lists.flat();
}

export interface ImageVolume {
  /** NAMESPACE/NAME */
  readonly pod: string;
  readonly volume: string;
  readonly imageId: string;
}

/** Images of this node that volumes of pods are. @throws when pods cannot be listed */
export async function imageVolumes(
  images: ImageService,
  api: Pick<ApiClient, 'list'> | undefined,
): Promise<readonly ImageVolume[]> {
  const { items } = (await api?.list(pods)) ?? { items: [] };
  const found = items.flatMap(({ metadata, spec }) =>
    (spec.volumes ?? []).map(async ({ name, ...source }): Promise<ImageVolume | undefined> => {
      const { reference = '' } = (source['image'] ?? {}) as { reference?: string };
      // A name that cannot be is that of no image here.
      const image = reference === '' ? undefined : await images.find(reference).catch(() => undefined);
      const pod = `${metadata.namespace ?? ''}/${metadata.name ?? ''}`;
      return image === undefined ? undefined : { pod, volume: name, imageId: image.id };
    }),
  );
  return (await Promise.all(found)).filter((each) => each !== undefined);
}
