import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { ApiClient } from '../../contracts/api/index.ts';
import type { Logger } from '../../kernel/index.ts';
import { ApiError, configMaps, objectKey, secrets, type KubeObject } from '../../kube/index.ts';
import { keysFrom } from '../controller.ts';
import { informers } from '../informers.ts';
import { act } from './actions.ts';
import { buildController } from './build-controller.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

async function* nothing(signal: AbortSignal): AsyncIterable<never> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  yield* [];
}

/** An API with one config map whose caches never show anything else. */
function apiWith(more: Partial<ApiClient>): ApiClient {
  const subject: KubeObject = { metadata: { name: 'a', namespace: 'default', uid: 'u', resourceVersion: '1' } };
  return {
    list: ({ resource }: { resource: string }) =>
      Promise.resolve({ metadata: { resourceVersion: '1' }, items: resource === 'configmaps' ? [subject] : [] }),
    watch: (_: unknown, { signal }: { signal: AbortSignal }) => nothing(signal),
    ...more,
  } as unknown as ApiClient;
}

describe('a controller whose creation found the name taken', () => {
  it('tries again when what had the name is gone and no cache ever showed it', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    const stop = new AbortController();
    const host = { name: 'test', env, log: silent, signal: stop.signal, reportFault: () => undefined };
    let attempts = 0;
    const create = (): Promise<never> => {
      attempts += 1;
      return attempts < 3
        ? Promise.reject(new ApiError('AlreadyExists', 'there is one'))
        : Promise.resolve({ metadata: { name: 'b', namespace: 'default', uid: 'new', resourceVersion: '2' } } as never);
    };
    const get = (): Promise<never> => Promise.reject(new ApiError('NotFound', 'gone'));
    const api = apiWith({ create, get });
    const wiring = {
      informers: informers(host, api),
      api,
      deps: {} as never,
      config: {},
      env,
      log: silent,
      signal: stop.signal,
      dataDir: '',
    };
    const { running } = buildController(
      { host, wiring, leadership: undefined },
      {
        name: 'controller-test',
        version: '',
        description: '',
        component: 'test',
        subject: configMaps,
        confirm: false,
        inputs: ({ informers: caches }) => ({ maps: caches.for(configMaps), made: caches.for(secrets) }),
        sources: ({ maps }) => [keysFrom(maps, (object) => [objectKey(object)])],
        observe: (key, { maps }, now) => ({ ...now, subject: maps.get(key) }),
        reconcile: () => ({
          actions: [
            act.create(
              secrets,
              { metadata: { name: 'b', namespace: 'default' } },
              { cause: { code: 'Missing', text: 'there is none' }, ifExists: 'report' },
            ),
          ],
        }),
      },
    );
    running.start();
    await env.settle();
    expect(attempts).toBe(1);
    await env.advance(10_000);
    // Nothing more is tried once it is made: the cache does not show it yet.
    expect(attempts).toBe(3);
    await running.stop();
    expect(env.pendingTimers).toBe(0);
  });
});
