import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint, apiHooks, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { store } from '@timonel/sdk/contracts/store';
import { EventRecorder, Informer } from '@timonel/sdk/controller';
import { objectKey, services, type Service } from '@timonel/sdk/kube';
import { z } from 'zod';
import { Allocation } from './allocation.ts';
import { Allocator } from './allocator.ts';
import { ClaimKeeper } from './claim-keeper.ts';
import { keepKubernetesService, kubernetesKey } from './kubernetes-service.ts';
import { addressRanges, isInRange } from './ranges.ts';

const config = z
  .strictObject({
    /** Network for cluster IPs: of IPv4, /8 to /29, or of IPv6, /108 to /125; or one of each family with a comma between. */
    clusterIpRange: z
      .string()
      .refine(
        (text) => addressRanges(text) !== undefined,
        'must be a network of IPv4 such as 10.96.0.0/16, from /8 to /29, or of IPv6, from /108 to /125, or one of each with a comma between',
      )
      .default('10.96.0.0/16'),
    /** Let the service `kubernetes` lead to this API server. False: somebody else keeps its endpoints. */
    publishEndpoint: z.boolean().default(true),
    nodePorts: z
      .strictObject({
        first: z.number().int().min(1).max(65535).default(30_000),
        last: z.number().int().min(1).max(65535).default(32_767),
      })
      .prefault({}),
    /** How often claims without a service are looked for, and how long one must have been without before it goes. */
    repair: z
      .strictObject({
        periodMs: z.number().int().min(100).default(30_000),
        graceMs: z.number().int().min(0).default(60_000),
      })
      .prefault({}),
  })
  .refine(({ nodePorts }) => nodePorts.first <= nodePorts.last, {
    message: 'nodePorts.first must not be above nodePorts.last',
  });

function isService(context: AdmissionContext): boolean {
  const { group, resource, subresource, operation } = context;
  return (
    group === '' && resource === 'services' && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE')
  );
}

/**
 * Allocates cluster IPs and node ports. The services are the record of what is taken; claims in the store keep several servers
 * from giving one value to two services at the same time.
 */
const plugin: AnyPlugin = definePlugin({
  name: 'service-allocator',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Gives services their cluster IP and node ports.',
  requires: { api: apiClient, endpoint: apiEndpoint, store },
  optional: { leadership },
  config,
  setup(ctx) {
    const { deps, env, log } = ctx;
    const ranges = addressRanges(ctx.config.clusterIpRange) ?? [];
    const [range] = ranges;
    if (range === undefined) throw new Error(`${ctx.config.clusterIpRange} is no network`);
    const informer = new Informer(ctx, deps.api, services);
    const recorders = {
      address: new EventRecorder(ctx, deps.api, { component: 'ipallocator-repair-controller' }),
      port: new EventRecorder(ctx, deps.api, { component: 'portallocator-repair-controller' }),
    };
    const keeper = new ClaimKeeper({
      api: deps.api,
      store: deps.store,
      informer,
      leadership: deps.leadership,
      env,
      log,
      ...ctx.config.repair,
      inRange: (name) => isInRange(name, ranges, ctx.config.nodePorts),
      tell: (service, { about, reason, message }) =>
        recorders[about].record(services, service, 'Warning', reason, message),
    });
    const stopped = new AbortController();
    const signal = AbortSignal.any([ctx.signal, stopped.signal]);
    let endPause = (): void => undefined;
    const pause = (limitMs: number): Promise<void> => {
      const over = new AbortController();
      endPause = () => over.abort();
      return env.timers.sleep(limitMs, AbortSignal.any([signal, over.signal])).catch(() => undefined);
    };
    const allocation = new Allocation(env, ranges, ctx.config.nodePorts);
    informer.addHandler({
      added: (service) => allocation.track(service, objectKey(service)),
      updated(service, old) {
        allocation.untrack(old, objectKey(old));
        allocation.track(service, objectKey(service));
      },
      deleted: (service) => {
        allocation.untrack(service, objectKey(service));
        if (objectKey(service) === kubernetesKey) endPause();
      },
    });
    const allocator = new Allocator({ allocation, claims: keeper.claims, synced: informer.synced, env });
    ctx.tap(
      apiHooks.objectMutate,
      async (object, context) => {
        if (!isService(context)) return undefined;
        await allocator.fill(object as unknown as Service, context);
        return object;
      },
      { stage: apiHooks.objectMutate.options.stages['allocate'] ?? 100, ownToo: true },
    );
    ctx.tap(
      apiHooks.objectValidate,
      async (object, context) =>
        isService(context) ? allocator.problems(object as unknown as Service, context) : undefined,
      { ownToo: true },
    );
    let keeping: Promise<void> | undefined;
    return {
      async start() {
        keeper.start();
        informer.start();
        await informer.tried;
        const { api, endpoint } = deps;
        const { publishEndpoint } = ctx.config;
        keeping = keepKubernetesService({ api, log, signal, pause, publishEndpoint }, range.first, endpoint.url());
      },
      async stop() {
        stopped.abort();
        await keeping;
        await keeper.stop();
        await informer.stop();
      },
    };
  },
});

export default plugin;
