import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint, apiHooks, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { Informer } from '@timonel/sdk/controller';
import { objectKey, services, type Service } from '@timonel/sdk/kube';
import { z } from 'zod';
import { Allocation } from './allocation.ts';
import { keepKubernetesService } from './kubernetes-service.ts';
import { addressRange } from './ranges.ts';

const config = z
  .strictObject({
    /** IPv4 network for cluster IPs, /8 to /29. */
    clusterIpRange: z
      .string()
      .refine(
        (cidr) => addressRange(cidr) !== undefined,
        'must be an IPv4 network such as 10.96.0.0/16, from /8 to /29',
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

/** Allocates cluster IPs and node ports. The services themselves are the record of what is taken. */
const plugin: AnyPlugin = definePlugin({
  name: 'service-allocator',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Gives services their cluster IP and node ports.',
  requires: { api: apiClient, endpoint: apiEndpoint },
  config,
  setup(ctx) {
    const range = addressRange(ctx.config.clusterIpRange);
    if (range === undefined) throw new Error(`${ctx.config.clusterIpRange} is not an IPv4 network`);
    const allocation = new Allocation(ctx.env, range, ctx.config.nodePorts);
    const informer = new Informer(ctx, ctx.deps.api, services);
    informer.addHandler({
      added: (service) => allocation.track(service, objectKey(service)),
      updated(service, old) {
        allocation.untrack(old, objectKey(old));
        allocation.track(service, objectKey(service));
      },
      deleted: (service) => allocation.untrack(service, objectKey(service)),
    });
    const ownerOf = ({ namespace = '', name }: AdmissionContext): string => `${namespace}/${name}`;
    ctx.tap(
      apiHooks.objectMutate,
      async (object, context) => {
        if (!isService(context)) return undefined;
        await informer.synced;
        allocation.fill(object as unknown as Service, context.oldObject as Service | undefined, ownerOf(context));
        return object;
      },
      { stage: apiHooks.objectMutate.options.stages['allocate'] ?? 100 },
    );
    ctx.tap(apiHooks.objectValidate, async (object, context) => {
      if (!isService(context)) return undefined;
      await informer.synced;
      return allocation.problems(object as unknown as Service, ownerOf(context), context.dryRun);
    });
    let keeping: Promise<void> | undefined;
    return {
      async start() {
        informer.start();
        await informer.synced;
        const { api, endpoint } = ctx.deps;
        const { env, log, signal } = ctx;
        keeping = keepKubernetesService(
          { api, env, log, signal, publishEndpoint: ctx.config.publishEndpoint },
          range.first,
          endpoint.url(),
        );
      },
      async stop() {
        await keeping;
        await informer.stop();
      },
    };
  },
});

export default plugin;
