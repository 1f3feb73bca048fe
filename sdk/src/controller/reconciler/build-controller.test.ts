import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { ApiClient } from '../../contracts/api/index.ts';
import type { Leadership } from '../../contracts/leadership/index.ts';
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

const missing = act.create(
  secrets,
  { metadata: { name: 'b', namespace: 'default' } },
  { cause: { code: 'Missing', text: 'there is none' }, ifExists: 'report' },
);

/** A controller that wants a secret for each config map, and a status that nobody has. */
function start(api: ApiClient, leading?: () => boolean) {
  const env = createSimulatedEnv({ seed: 1 });
  const { signal } = new AbortController();
  const host = { name: 'test', env, log: silent, signal, reportFault: () => undefined };
  const wiring = {
    host,
    informers: informers(host, api),
    api,
    deps: {} as never,
    config: {},
    env,
    log: silent,
    signal,
  };
  const current = { leading, onChange: () => () => undefined } as unknown as Leadership;
  const leadership = leading === undefined ? undefined : { current, onChange: () => () => undefined };
  const { running } = buildController(
    { host, wiring: { ...wiring, dataDir: '' }, leadership },
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
      reconcile: () => ({ actions: [missing] }),
      status: () => ({ status: {} }),
    },
  );
  running.start();
  return { env, running };
}

const made = { metadata: { name: 'b', namespace: 'default', uid: 'new', resourceVersion: '2' } } as never;

describe('a controller', () => {
  it('tries again when the name of a creation is taken by what is gone since, which no cache ever showed', async () => {
    let attempts = 0;
    const create = (): Promise<never> => {
      attempts += 1;
      return attempts < 3 ? Promise.reject(new ApiError('AlreadyExists', 'there is one')) : Promise.resolve(made);
    };
    const get = (): Promise<never> => Promise.reject(new ApiError('NotFound', 'gone'));
    const updateStatus = (_: unknown, object: unknown): Promise<never> => Promise.resolve(object as never);
    const { env, running } = start(apiWith({ create, get, updateStatus }));
    await env.settle();
    expect(attempts).toBe(1);
    await env.advance(10_000);
    // Nothing more is tried once it is made: the cache does not show it yet.
    expect(attempts).toBe(3);
    await running.stop();
    expect(env.pendingTimers).toBe(0);
  });

  it.each([true, false])('writes the status after the actions if it leads still: %p', async (stillLeads) => {
    let leads = true;
    let writes = 0;
    const create = (): Promise<never> => {
      leads = stillLeads;
      return Promise.resolve(made);
    };
    const updateStatus = (_: unknown, object: unknown): Promise<never> => {
      writes += 1;
      return Promise.resolve(object as never);
    };
    const { env, running } = start(apiWith({ create, updateStatus }), () => leads);
    await env.settle();
    expect(leads).toBe(stillLeads);
    expect(writes).toBe(stillLeads ? 1 : 0);
    await running.stop();
  });
});
