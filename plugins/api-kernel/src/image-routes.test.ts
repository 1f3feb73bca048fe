import { describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Route, RouteRequest } from '@timonel/sdk/contracts/api-server';
import type { ImageService, PruneOptions } from '@timonel/sdk/contracts/images';
import { imageRoutes, type ImageRouteParts } from './image-routes.ts';

const id = `sha256:${'a'.repeat(64)}`;
const reference = 'registry.example/data:1';
const pods = [
  {
    metadata: { namespace: 'shop', name: 'reader' },
    spec: {
      volumes: [
        { name: 'empty', emptyDir: {} },
        { name: 'data', image: { reference } },
      ],
    },
  },
  { metadata: { namespace: 'shop', name: 'other' }, spec: { volumes: [{ name: 'bad', image: { reference: 'A B' } }] } },
];

/** Calls one, and tells what was to be pruned. */
async function call(
  method: Route['method'],
  path: string,
  request: Partial<RouteRequest>,
): Promise<readonly PruneOptions[]> {
  const pruned: PruneOptions[] = [];
  const images = {
    find: (name: string) =>
      name === 'A B'
        ? Promise.reject(new Error('no name'))
        : Promise.resolve(name === reference ? { id, references: [name] } : undefined),
    prune: (options: PruneOptions) => {
      pruned.push(options);
      return Promise.resolve({ removed: [], freedBytes: 0 });
    },
  };
  const all = imageRoutes({
    images: { current: images as unknown as ImageService },
    runtimes: { all: () => [] },
    api: { current: { list: () => Promise.resolve({ items: pods }) } as unknown as ApiClient },
    env: createRealEnv(),
  } as unknown as ImageRouteParts);
  const found = all.find((each) => each.method === method && each.path.endsWith(path));
  await found?.handle(request as RouteRequest);
  return pruned;
}

describe('an image that is a volume of a pod', () => {
  it('is not pruned', async () => {
    const pruned = await call('POST', '/images/prune', { body: { all: true } });
    expect(pruned).toEqual([{ all: true, dryRun: false, inUse: [id] }]);
  });

  it('is not removed by its last name', async () => {
    const query = new URLSearchParams({ reference });
    await expect(call('DELETE', '/images', { query })).rejects.toMatchObject({
      reason: 'Conflict',
      message: `the image "${reference}" is used by volume data of pod shop/reader: remove the pod first`,
    });
  });
});
