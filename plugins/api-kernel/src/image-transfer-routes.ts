/** Routes that bring images from registries and send them there, telling how it goes on. */
import { errorMessage, type Env } from '@timonel/sdk';
import { parseRouteBody, type Route, type RouteRequest } from '@timonel/sdk/contracts/api-server';
import type { ImageService, PullOptions, PullProgress } from '@timonel/sdk/contracts/images';
import { z } from 'zod';
import { imageObject } from './image-object.ts';
import { imageReason } from './kernel-status.ts';
import { route } from './plugin-routes.ts';
import { progressStream, type LinedWork } from './progress-stream.ts';

const text = z.string().max(64 * 1024);
const credentials = z
  .array(
    z.strictObject({
      registry: text.min(1),
      username: text.optional(),
      password: text.optional(),
      identityToken: text.optional(),
      registryToken: text.optional(),
    }),
  )
  .max(100);
const common = {
  reference: z.string().min(1).max(2048),
  plainHttp: z.boolean().optional(),
  credentials: credentials.optional(),
};
const pullBody = z.strictObject({
  ...common,
  policy: z.enum(['Always', 'IfNotPresent']).default('Always'),
  platform: z.string().max(100).optional(),
});
const pushBody = z.strictObject(common);

type Asked = Omit<z.output<typeof pullBody>, 'policy' | 'reference'>;

function optionsOf({ plainHttp, credentials: given = [], platform }: Asked): PullOptions {
  return {
    ...(plainHttp === undefined ? {} : { plainHttp }),
    ...(platform === undefined ? {} : { platform }),
    credentials: given.map((each) => definedOnly(each)),
  };
}

/** Undefined members are none. */
function definedOnly<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function failure(error: unknown): unknown {
  return { error: { reason: imageReason(error) ?? 'InternalError', message: errorMessage(error) } };
}

function stream(request: RouteRequest, env: Env, run: LinedWork['run']): unknown {
  const lines = progressStream({ run, failure }, env, request.signal);
  return { kind: 'stream', contentType: 'application/x-ndjson', stream: lines };
}

export function imageTransferRoutes(service: () => ImageService, env: Env): Route[] {
  const reporting = (report: (line: unknown) => void): Pick<PullOptions, 'onProgress'> => ({
    onProgress: (progress: PullProgress) => report({ progress }),
  });
  return [
    route('POST', '/images/pull', (request) => {
      const { reference, policy, ...asked } = parseRouteBody(pullBody, request.body);
      const images = service();
      return stream(request, env, async (report, signal) => {
        const image = await images.ensure(reference, policy, { ...optionsOf(asked), ...reporting(report), signal });
        return { image: imageObject(image), pulled: image.pulled ?? null };
      });
    }),
    route('POST', '/images/push', (request) => {
      const { reference, ...asked } = parseRouteBody(pushBody, request.body);
      const images = service();
      return stream(request, env, async (report, signal) => ({
        pushed: await images.push(reference, { ...optionsOf(asked), ...reporting(report), signal }),
      }));
    }),
  ];
}
