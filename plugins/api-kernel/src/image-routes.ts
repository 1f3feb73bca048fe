/** Routes to the images of this node, while a plugin provides them. */
import type { OptionalRef } from '@timonel/sdk';
import { parseRouteBody, type Route } from '@timonel/sdk/contracts/api-server';
import type { ImageConfig, ImageInfo, ImageService } from '@timonel/sdk/contracts/images';
import { ApiError } from '@timonel/sdk/kube';
import { z } from 'zod';
import { answer, route } from './plugin-routes.ts';

const apiVersion = 'kernel.timonel.dev/v1';
const strings = z.array(z.string());
const importBody = z.strictObject({ path: z.string().min(1), reference: z.string().min(1).optional() });
const buildBody = z.strictObject({
  directory: z.string().min(1),
  reference: z.string().min(1),
  config: z
    .strictObject({
      entrypoint: strings,
      cmd: strings,
      env: strings,
      workingDir: z.string(),
      user: z.string(),
      stopSignal: z.string(),
      exposedPorts: strings,
      labels: z.record(z.string(), z.string()),
    })
    .partial()
    .default({}),
});

function imageObject({ id, references, sizeBytes, created, config }: ImageInfo): unknown {
  return { kind: 'Image', apiVersion, metadata: { name: id }, id, references, sizeBytes, created, config };
}

function listOf(images: readonly ImageInfo[]): unknown {
  return { kind: 'ImageList', apiVersion, metadata: {}, items: images.map(imageObject) };
}

/** Undefined members would overwrite defaults. */
function definedOnly(config: z.output<typeof buildBody>['config']): Partial<ImageConfig> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as Partial<ImageConfig>;
}

export function imageRoutes(images: OptionalRef<ImageService>): Route[] {
  const service = (): ImageService => {
    if (images.current !== undefined) return images.current;
    throw new ApiError(
      'ServiceUnavailable',
      'no plugin provides images on this node: enable one, for example images-local',
    );
  };
  return [
    route('GET', '/images', async () => answer(listOf(await service().list()))),
    route('POST', '/images/import', async (request) => {
      const { path, reference } = parseRouteBody(importBody, request.body);
      return answer(listOf(await service().importArchive(path, reference)), 201);
    }),
    route('POST', '/images/build', async (request) => {
      const { directory, reference, config } = parseRouteBody(buildBody, request.body);
      return answer(imageObject(await service().buildFromDirectory(directory, reference, definedOnly(config))), 201);
    }),
    route('DELETE', '/images', async (request) => {
      const reference = request.query.get('reference') ?? '';
      if (reference === '') throw new ApiError('BadRequest', 'the query parameter "reference" is needed');
      if (await service().remove(reference)) {
        return answer({
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Success',
          details: { name: reference },
        });
      }
      throw new ApiError('NotFound', `images.kernel.timonel.dev "${reference}" not found`, {
        name: reference,
        group: 'kernel.timonel.dev',
        kind: 'images',
      });
    }),
  ];
}
