/** Routes to the images of this node, while a plugin provides them. */
import type { Env, Many, OptionalRef } from '@timonel/sdk';
import {
  parseRouteBody,
  type Route,
  type RouteRequest,
  type SubresourceResponse,
} from '@timonel/sdk/contracts/api-server';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { ImageConfig, ImageInfo, ImageService } from '@timonel/sdk/contracts/images';
import type { ContainerRuntime, ContainerStatus } from '@timonel/sdk/contracts/runtime';
import { ApiError } from '@timonel/sdk/kube';
import { z } from 'zod';
import { apiVersion, imageList, imageObject } from './image-object.ts';
import { imageTransferRoutes } from './image-transfer-routes.ts';
import { containersOf, imageVolumes } from './images-in-use.ts';
import { answer, route } from './plugin-routes.ts';

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

/** Undefined members would overwrite defaults. */
function definedOnly(config: z.output<typeof buildBody>['config']): Partial<ImageConfig> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined)) as Partial<ImageConfig>;
}

const exportBody = z.strictObject({ references: z.array(z.string().min(1)).min(1).max(100), path: z.string().min(1) });
const pruneBody = z.strictObject({ all: z.boolean().default(false), dryRun: z.boolean().default(false) });

export interface ImageRouteParts {
  readonly images: OptionalRef<ImageService>;
  readonly runtimes: Many<ContainerRuntime>;
  readonly api: OptionalRef<ApiClient>;
  readonly env: Env;
}

export function imageRoutes({ images, runtimes, api, env }: ImageRouteParts): Route[] {
  const service = (): ImageService => {
    if (images.current !== undefined) return images.current;
    throw new ApiError(
      'ServiceUnavailable',
      'no plugin provides images on this node: enable one, for example images-local',
    );
  };
  return [
    route('GET', '/images', async () => answer(imageList(await service().list()))),
    route('GET', '/images/inspect', async (request) => {
      const reference = referenceOf(request);
      const image = await service().find(reference);
      return answer(imageObject(image ?? notFound(reference)));
    }),
    route('GET', '/images/filesystem', async () =>
      answer({ kind: 'ImageFilesystem', apiVersion, metadata: {}, ...(await service().usage()) }),
    ),
    route('POST', '/images/import', async (request) => {
      const { path, reference } = parseRouteBody(importBody, request.body);
      return answer(imageList(await service().importArchive(path, reference)), 201);
    }),
    route('POST', '/images/export', async (request) => {
      const { references, path } = parseRouteBody(exportBody, request.body);
      await service().exportArchive(references, path);
      return answer({ kind: 'ImageExport', apiVersion, metadata: {}, references, path }, 201);
    }),
    route('POST', '/images/build', async (request) => {
      const { directory, reference, config } = parseRouteBody(buildBody, request.body);
      return answer(imageObject(await service().buildFromDirectory(directory, reference, definedOnly(config))), 201);
    }),
    route('POST', '/images/prune', async (request) => {
      const options = parseRouteBody(pruneBody, request.body);
      const volumes = await imageVolumes(service(), api.current);
      const inUse = [...(await containersOf(runtimes)), ...volumes].map(({ imageId }) => imageId);
      return answer({
        kind: 'ImagePrune',
        apiVersion,
        metadata: {},
        ...options,
        ...(await service().prune({ ...options, inUse })),
      });
    }),
    route('DELETE', '/images', (request) => remove(request, service(), runtimes, api.current)),
    ...imageTransferRoutes(service, env),
  ];
}

async function remove(
  request: RouteRequest,
  images: ImageService,
  runtimes: Many<ContainerRuntime>,
  api: ApiClient | undefined,
): Promise<SubresourceResponse> {
  const reference = referenceOf(request);
  const image = (await images.find(reference)) ?? notFound(reference);
  // As long as it keeps another name, nobody loses its layers.
  const isLast = image.references.length < 2 || reference.startsWith('sha256:');
  const user = isLast ? await userOf(image, images, runtimes, api) : undefined;
  if (user !== undefined) {
    throw new ApiError('Conflict', `the image "${reference}" is used by ${user}: remove the pod first`);
  }
  if (!(await images.remove(reference))) notFound(reference);
  return answer({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: reference },
  });
}

/** Who would lose its layers, in words. */
async function userOf(
  { id }: ImageInfo,
  images: ImageService,
  runtimes: Many<ContainerRuntime>,
  api: ApiClient | undefined,
): Promise<string | undefined> {
  const container = (await containersOf(runtimes)).find(({ imageId }) => imageId === id);
  if (container !== undefined)
    return `container ${container.name} (${container.id.slice(0, 12)}) of pod ${podOf(container)}`;
  const found = (await imageVolumes(images, api)).find(({ imageId }) => imageId === id);
  return found === undefined ? undefined : `volume ${found.volume} of pod ${found.pod}`;
}

function podOf({ labels }: ContainerStatus): string {
  return `${labels['io.kubernetes.pod.namespace'] ?? '?'}/${labels['io.kubernetes.pod.name'] ?? '?'}`;
}

function referenceOf(request: RouteRequest): string {
  const reference = request.query.get('reference') ?? '';
  if (reference === '') throw new ApiError('BadRequest', 'the query parameter "reference" is needed');
  return reference;
}

function notFound(reference: string): never {
  throw new ApiError('NotFound', `images.kernel.timonel.dev "${reference}" not found`, {
    name: reference,
    group: 'kernel.timonel.dev',
    kind: 'images',
  });
}
