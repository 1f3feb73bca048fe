/** Routes that any store has. */
import type { Env } from '@timonel/sdk';
import { parseRouteBody, type Route } from '@timonel/sdk/contracts/api-server';
import type { Store } from '@timonel/sdk/contracts/store';
import { z } from 'zod';
import { apiVersion, answer, route } from './route.ts';
import { SnapshotStreams } from './snapshot-stream.ts';

const snapshotLimits = { concurrent: 2, stallMs: 60_000 };
const compactBody = z.strictObject({ revision: z.int().min(1).optional() });

export function storeRoutes(store: Store, env: Env): readonly Route[] {
  const snapshots = new SnapshotStreams(env, snapshotLimits);
  return [
    route('GET', '/status', async () =>
      answer({ kind: 'StoreStatus', apiVersion, metadata: {}, ...(await store.status()) }),
    ),
    route('POST', '/compact', async ({ body }) => {
      const { revision = await store.barrier() } = parseRouteBody(compactBody, body);
      await store.compact(revision);
      return answer({ kind: 'Compaction', apiVersion, metadata: {}, revision });
    }),
    route('GET', '/snapshot', () =>
      Promise.resolve({
        kind: 'stream',
        contentType: 'application/octet-stream',
        stream: snapshots.of(() => store.snapshot()),
      }),
    ),
  ];
}
