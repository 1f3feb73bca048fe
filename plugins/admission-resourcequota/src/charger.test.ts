import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { ApiError, type KubeObject, type Quantities, type ResourceQuota } from '@timonel/sdk/kube';
import { Charger } from './charger.ts';
import { isCharged, judge, requestOf, type QuotaRequest } from './request.ts';
import { usageOf } from '@timonel/sdk/quota';

const context: AdmissionContext = {
  operation: 'CREATE',
  group: '',
  version: 'v1',
  resource: 'configmaps',
  kind: 'ConfigMap',
  subresource: '',
  namespace: 'a',
  name: 'x',
  user: { username: 'test', uid: '', groups: [], extra: {} },
  oldObject: undefined,
  dryRun: false,
};
const requestFor = (
  more: Partial<AdmissionContext> = {},
  object: KubeObject = { metadata: { name: 'x' } },
): QuotaRequest => requestOf(object, { ...context, ...more }, 0);
const quotaOf = (name: string, hard: Quantities, used?: Quantities): ResourceQuota => ({
  metadata: { name, namespace: 'a', uid: name, resourceVersion: '1' },
  spec: { hard },
  ...(used === undefined ? {} : { status: { hard, used } }),
});

/** A store of quotas whose answers come in any order, and whose caches lag. */
class FakeApi {
  readonly quotas = new Map<string, ResourceQuota>();
  writes = 0;
  #version = 1;
  readonly #pause: () => Promise<void>;

  constructor(pause: () => Promise<void>, ...quotas: ResourceQuota[]) {
    this.#pause = pause;
    for (const quota of quotas) this.quotas.set(quota.metadata.name ?? '', quota);
  }

  write(quota: ResourceQuota): ResourceQuota {
    const name = quota.metadata.name ?? '';
    const current = this.quotas.get(name);
    if (current === undefined) throw new ApiError('NotFound', 'gone');
    if (current.metadata.resourceVersion !== quota.metadata.resourceVersion) throw new ApiError('Conflict', 'changed');
    const next = { ...quota, metadata: { ...quota.metadata, resourceVersion: String((this.#version += 1)) } };
    this.quotas.set(name, next);
    this.writes += 1;
    return next;
  }

  readonly client: Pick<ApiClient, 'get' | 'updateStatus'> = {
    get: (async (_type: unknown, { name }: { name: string }) => {
      await this.#pause();
      const found = this.quotas.get(name);
      if (found === undefined) throw new ApiError('NotFound', 'gone');
      return found;
    }) as unknown as ApiClient['get'],
    updateStatus: (async (_type: unknown, quota: ResourceQuota) => {
      await this.#pause();
      const written = this.write(quota);
      await this.#pause();
      return written;
    }) as unknown as ApiClient['updateStatus'],
  };

  used(name = 'q'): Quantities | undefined {
    return this.quotas.get(name)?.status?.used;
  }
}

const atOnce = (): Promise<void> => Promise.resolve();
const chargerOf = (api: FakeApi, cached: () => readonly ResourceQuota[] = () => [...api.quotas.values()]): Charger =>
  new Charger({ api: api.client, quotasOf: cached });

describe('charging', () => {
  it('charges those that come together with one write, and refuses those that do not fit', async () => {
    const api = new FakeApi(atOnce, quotaOf('q', { configmaps: '5' }, { configmaps: '0' }));
    const charger = chargerOf(api);
    const answers = await Promise.all(Array.from({ length: 8 }, () => charger.charge('a', requestFor())));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(5);
    expect(answers.at(-1)?.message).toBe(
      'configmaps "x" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=5, limited: configmaps=5',
    );
    expect(api.used()).toEqual({ configmaps: '5' });
    // The first one goes alone.
    expect(api.writes).toBe(2);
  });

  it('charges no quota for what another one refuses', async () => {
    const api = new FakeApi(
      atOnce,
      quotaOf('large', { configmaps: '5' }, { configmaps: '0' }),
      quotaOf('small', { configmaps: '0' }, { configmaps: '0' }),
    );
    expect((await chargerOf(api).charge('a', requestFor()))?.message).toContain('exceeded quota: small');
    expect(api.writes).toBe(0);
  });

  it('judges a dry run, and charges nothing for it', async () => {
    const api = new FakeApi(atOnce, quotaOf('q', { configmaps: '1' }, { configmaps: '0' }));
    const charger = chargerOf(api);
    expect(await charger.charge('a', requestFor({ dryRun: true }))).toBeUndefined();
    expect(await charger.charge('a', requestFor())).toBeUndefined();
    expect((await charger.charge('a', requestFor({ dryRun: true })))?.message).toContain('exceeded quota');
    expect(api.used()).toEqual({ configmaps: '1' });
  });

  it('waits for the first count of a quota', async () => {
    const api = new FakeApi(atOnce, quotaOf('q', { configmaps: '1' }));
    const refusal = await chargerOf(api).charge('a', requestFor());
    expect(refusal?.message).toBe('configmaps "x" is forbidden: status unknown for quota: q, resources: configmaps');
  });

  it('lets everything through when the quota is deleted meanwhile', async () => {
    const stale = [quotaOf('q', { configmaps: '1' }, { configmaps: '0' })];
    const api = new FakeApi(atOnce);
    expect(await chargerOf(api, () => stale).charge('a', requestFor())).toBeUndefined();
  });

  it('asks to try again when the API does not answer, or others are always faster', async () => {
    const api = new FakeApi(atOnce, quotaOf('q', { configmaps: '9' }, { configmaps: '0' }));
    const absent = { ...api.client, updateStatus: () => Promise.reject(new ApiError('Timeout', 'no answer')) };
    const quotasOf = (): readonly ResourceQuota[] => [...api.quotas.values()];
    const charged = new Charger({ api: absent, quotasOf }).charge('a', requestFor());
    expect(await charged).toMatchObject({
      reason: 'ServiceUnavailable',
      status: { details: { retryAfterSeconds: 1 } },
    });
    const taken = { ...api.client, updateStatus: () => Promise.reject(new ApiError('Conflict', 'changed')) };
    const lost = await new Charger({ api: taken, quotasOf }).charge('a', requestFor());
    expect(lost).toMatchObject({ reason: 'ServiceUnavailable' });
  });

  it('never exceeds a bound: several servers with caches that lag, while others take off', async () => {
    const one = fc.record({ server: fc.nat(2), wait: fc.nat(12), frees: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { maxLength: 40 }), fc.infiniteStream(fc.nat(4)), async (requests, pauses) => {
        const pause = async (turns = pauses.next().value ?? 0): Promise<void> => {
          for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        };
        const api = new FakeApi(pause, quotaOf('q', { configmaps: '3' }, { configmaps: '0' }));
        const stale = [...api.quotas.values()];
        const servers = [0, 1, 2].map((server) =>
          chargerOf(api, server === 0 ? () => [...api.quotas.values()] : () => stale),
        );
        let there = 0;
        const free = async (): Promise<void> => {
          for (;;) {
            const quota = api.quotas.get('q') as ResourceQuota;
            const used = String(Number(quota.status?.used?.['configmaps']) - 1);
            await pause();
            try {
              api.write({ ...quota, status: { ...quota.status, used: { configmaps: used } } });
              return;
            } catch {
              // Somebody was faster.
            }
          }
        };
        await Promise.all(
          requests.map(async ({ server, wait, frees }) => {
            await pause(wait);
            if ((await servers[server]?.charge('a', requestFor())) !== undefined) return;
            there += 1;
            expect(there).toBeLessThanOrEqual(3);
            if (!frees) return;
            await pause();
            there -= 1;
            await free();
          }),
        );
        expect(api.used()).toEqual({ configmaps: String(there) });
        if (requests.length >= 3 && !requests.some(({ frees }) => frees)) expect(there).toBe(3);
      }),
      { numRuns: 150 },
    );
  });
});

describe('requests', () => {
  it.each<[Partial<AdmissionContext>, boolean]>([
    [{}, true],
    [{ operation: 'UPDATE' }, false],
    [{ operation: 'DELETE' }, false],
    [{ namespace: undefined }, false],
    [{ operation: 'UPDATE', resource: 'services' }, true],
    [{ operation: 'UPDATE', resource: 'services', subresource: 'status' }, false],
    [{ operation: 'UPDATE', resource: 'persistentvolumeclaims' }, true],
    [{ operation: 'UPDATE', resource: 'pods' }, false],
    [{ operation: 'UPDATE', resource: 'pods', subresource: 'resize' }, true],
    [{ operation: 'CREATE', resource: 'pods', subresource: 'binding' }, false],
  ])('%j', (more, wanted) => {
    expect(isCharged({ ...context, ...more })).toBe(wanted);
  });

  it('of changes are charged for what is more than before', () => {
    const oldObject = { metadata: {}, spec: { type: 'NodePort', ports: [{ port: 1 }] } };
    const more = { operation: 'UPDATE', resource: 'services', oldObject } as const;
    const object = { metadata: { name: 'x' }, spec: { type: 'NodePort', ports: [{ port: 1 }, { port: 2 }] } };
    const quota = quotaOf(
      'q',
      { services: '0', 'services.nodeports': '2' },
      { services: '5', 'services.nodeports': '1' },
    );
    const used = usageOf(quota.status?.used);
    expect(judge(quota, used, requestFor(more, object)).kind).toBe('charged');
    expect(judge(quota, used, requestFor(more, oldObject)).kind).toBe('free');
  });
});
