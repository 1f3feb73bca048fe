import { describe, expect, it } from '@jest/globals';
import type { Txn } from '@timonel/sdk/contracts/store';
import type { KubeObject } from '@timonel/sdk/kube';
import { StoredObject } from '../cache/stored-object.ts';
import { encodeObject } from '../kinds/object-codec.ts';
import { Expiry } from './expiry.ts';
import { guaranteedUpdate, type Outcome, type UpdateParts } from './guaranteed-update.ts';
import type { Target } from './request.ts';

const object: KubeObject = { kind: 'Event', apiVersion: 'v1', metadata: { name: 'e', namespace: 'n' } };
const kind = { prefix: '/registry/core/events/', definition: { group: '', resource: 'events', expires: true } };
const target = { kind, namespace: 'n', name: 'e', dryRun: false } as unknown as Target;

/** `unknown`: leases that the store has forgotten. */
function bed(unknown: ReadonlySet<number> = new Set()): { parts: UpdateParts; log: string[] } {
  const log: string[] = [];
  let granted = 0;
  const store = {
    grantLease(ttlMs: number) {
      granted += 1;
      log.push(`grant ${granted}`);
      return Promise.resolve({ id: granted, ttlMs });
    },
    txn({ success: [operation] }: Txn) {
      const lease = operation?.op === 'put' ? operation.lease : undefined;
      const op = operation?.op ?? 'nothing';
      log.push(lease === undefined ? op : `${op} with ${lease}`);
      if (lease !== undefined && unknown.has(lease))
        return Promise.reject(Object.assign(new Error('no such lease'), { code: 'LEASE_NOT_FOUND' }));
      return Promise.resolve({ succeeded: true, revision: 8, results: [] });
    },
  } as never;
  const current = new StoredObject('/registry/core/events/n/e', 7, encodeObject(object));
  const feed = { checkLoaded() {}, cache: () => ({ get: () => current }), offerWritten() {} } as never;
  const expiry = new Expiry({ store, clock: { monotonic: () => 0 } as never, ttlMs: 60_000 });
  return { parts: { store, feed, expiry }, log };
}

const put = (): Promise<Outcome> => Promise.resolve({ kind: 'put', object: structuredClone(object) });

describe('writes of objects that expire', () => {
  it('hang on a lease', async () => {
    const { parts, log } = bed();
    await guaranteedUpdate(parts, target, put);
    expect(log).toEqual(['grant 1', 'put with 1']);
  });

  it('take no lease to delete one', async () => {
    const { parts, log } = bed();
    await guaranteedUpdate(parts, target, () => Promise.resolve({ kind: 'delete', object: undefined }));
    expect(log).toEqual(['delete']);
  });

  it('share the new lease when the store has forgotten the old one', async () => {
    const { parts, log } = bed(new Set([1]));
    await Promise.all([0, 1, 2].map(() => guaranteedUpdate(parts, target, put)));
    expect(log.filter((line) => line.startsWith('grant'))).toEqual(['grant 1', 'grant 2']);
    expect(log.filter((line) => line === 'put with 2')).toHaveLength(3);
  });
});
