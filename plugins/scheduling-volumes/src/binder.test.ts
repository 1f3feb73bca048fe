import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Informer, InformerHandler } from '@timonel/sdk/controller';
import { ApiError, objectKey, type PersistentVolume, type PersistentVolumeClaim } from '@timonel/sdk/kube';
import type { VolumePlan } from '@timonel/sdk/scheduling/rules';
import { manualEnv } from '@timonel/testkit';
import { ClaimBinder } from './binder.ts';

type Claim = PersistentVolumeClaim;
const selected = 'volume.kubernetes.io/selected-node';

function claimOf(name: string, more: Partial<Claim> = {}): Claim {
  return { metadata: { name, namespace: 'x', uid: `uid-${name}`, resourceVersion: '1' }, spec: {}, ...more };
}

function boundClaim(name: string): Claim {
  const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
  return claimOf(name, { metadata: { ...claimOf(name).metadata, annotations }, spec: { volumeName: 'v' } });
}

const volume: PersistentVolume = { metadata: { name: 'v', resourceVersion: '1' }, spec: {} };

/** A cache and an API that the test speaks for. */
function bench(claims: readonly Claim[], refusal?: ApiError) {
  const env = manualEnv();
  const cache = new Map(claims.map((claim) => [objectKey(claim), claim]));
  let handler: InformerHandler<Claim> = {};
  const informer = {
    synced: Promise.resolve(),
    get: (key: string) => cache.get(key),
    whenSeen: () => Promise.resolve(),
    addHandler: (given: InformerHandler<Claim>) => (handler = given),
  } as unknown as Informer<Claim>;
  const written: unknown[] = [];
  const put = (claim: Claim): void => {
    cache.set(objectKey(claim), claim);
    handler.updated?.(claim, claim);
  };
  const write = (body: unknown): Promise<Claim> => {
    if (refusal !== undefined) return Promise.reject(refusal);
    written.push(body);
    return Promise.resolve(claimOf('answer'));
  };
  const api = {
    update: (_type: unknown, object: unknown) => write(object),
    patch: (_type: unknown, { name }: { name: string }, { body }: { body: { metadata: { annotations: object } } }) => {
      const claim = cache.get(`x/${name}`);
      if (claim !== undefined && refusal === undefined) {
        put({ ...claim, metadata: { ...claim.metadata, annotations: { ...body.metadata.annotations } } });
      }
      return write(body);
    },
  } as unknown as ApiClient;
  const { timers } = env;
  const binder = new ClaimBinder({
    api,
    claims: informer,
    timers,
    limitMs: 1000,
    othersLimitMs: 100,
    fieldManager: 'test',
  });
  const stop = new AbortController();
  return {
    env,
    binder,
    put,
    written,
    stop,
    remove: (claim: Claim) => {
      cache.delete(objectKey(claim));
      handler.deleted?.(claim);
    },
    bind: (plan: Partial<VolumePlan>) =>
      binder.bind({ nodeName: 'n', given: [], made: [], unbound: [], ...plan }, stop.signal),
  };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('binding the volumes of a pod', () => {
  it('gives the chosen volume to its claim, fenced by its version, and waits until it is bound', async () => {
    const claim = claimOf('a');
    const { bind, put, written } = bench([claim]);
    const status = bind({ given: [{ claim, volume }], unbound: [claim] });
    await settled();
    expect(written).toMatchObject([
      {
        metadata: { name: 'v', resourceVersion: '1' },
        spec: { claimRef: { namespace: 'x', name: 'a', uid: 'uid-a' } },
      },
    ]);
    put(boundClaim('a'));
    expect(await status).toEqual({ code: 'success' });
  });

  it('says on which node a volume is to be made, and waits for it', async () => {
    const claim = claimOf('a');
    const { bind, put, written } = bench([claim]);
    const status = bind({ made: [claim], unbound: [claim] });
    await settled();
    expect(written).toEqual([{ metadata: { resourceVersion: '1', annotations: { [selected]: 'n' } } }]);
    put(boundClaim('a'));
    expect(await status).toEqual({ code: 'success' });
  });

  it.each(['Conflict', 'NotFound', 'ServiceUnavailable'] as const)(
    'lets the pod be tried again when the API says %s',
    async (reason) => {
      const claim = claimOf('a');
      const { bind } = bench([claim], new ApiError(reason, 'no'));
      expect(await bind({ given: [{ claim, volume }], unbound: [claim] })).toMatchObject({ code: 'unschedulable' });
    },
  );

  it('gives up when the provisioner puts the claim back, and when the claim is gone', async () => {
    for (const what of ['back', 'gone'] as const) {
      const claim = claimOf('a');
      const { bind, put, remove } = bench([claim]);
      const status = bind({ made: [claim], unbound: [claim] });
      await settled();
      if (what === 'back') put(claimOf('a'));
      else remove(claim);
      const reasonCode = what === 'back' ? 'provisioning-failed' : 'claim-gone';
      expect(await status).toMatchObject({ code: 'unschedulable', reasonCode });
    }
  });

  it('waits for all claims, and for none any more when one of them fails', async () => {
    const [a, b] = [claimOf('a'), claimOf('b')];
    const plan = { made: [a, b], unbound: [a, b] };
    const good = bench([a, b]);
    const both = good.bind(plan);
    await settled();
    good.put(boundClaim('a'));
    await settled();
    expect(good.env.pendingTimers).toBe(1);
    good.put(boundClaim('b'));
    expect(await both).toEqual({ code: 'success' });
    const bad = bench([a, b]);
    const status = bad.bind(plan);
    await settled();
    bad.put(claimOf('b'));
    expect(await status).toMatchObject({ reasonCode: 'provisioning-failed' });
    expect(bad.env.pendingTimers).toBe(0);
  });

  it('waits for a limited time, shorter for what another pod has provided for', async () => {
    const claim = claimOf('a');
    for (const [plan, ms] of [
      [{ made: [claim], unbound: [claim] }, 1000],
      [{ unbound: [claim] }, 100],
    ] as const) {
      const { bind, env } = bench([claim]);
      const status = bind(plan);
      await settled();
      await env.advance(ms - 1);
      await settled();
      expect(env.pendingTimers).toBe(1);
      await env.advance(1);
      expect(await status).toMatchObject({ code: 'unschedulable', reasonCode: 'volume-late' });
      expect(env.pendingTimers).toBe(0);
    }
  });

  it.each(['the pod does not go there any more', 'the plugin stops'])('ends when %s', async (what) => {
    const claim = claimOf('a');
    const { bind, stop, env, binder } = bench([claim]);
    const status = bind({ made: [claim], unbound: [claim] });
    await settled();
    if (what === 'the plugin stops') binder.close();
    else stop.abort();
    expect(await status).toMatchObject({ code: 'unschedulable', reasonCode: 'volumes-not-bound' });
    expect(env.pendingTimers).toBe(0);
  });
});
