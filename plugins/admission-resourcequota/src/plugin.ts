import { definePlugin, type AnyPlugin, type Env } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, forbiddenBy, refuse, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { byNamespace, Informer } from '@timonel/sdk/controller';
import { ApiError, resourceQuotas, type ResourceQuota } from '@timonel/sdk/kube';
import { Charger } from './charger.ts';
import { configSchema, uncovered } from './limited.ts';
import { isCharged, requestOf, type QuotaRequest } from './request.ts';

/** What nothing came of is given back within this time; what is left, the controller of quotas gives back later. */
const giveBackMs = 3_000;
/** Below the deadline of the hook: an API that does not answer is no fault of this plugin. */
const limitMs = 1_700;

interface Charge {
  readonly request: QuotaRequest;
  readonly atMs: number;
  readonly done: Promise<ApiError | undefined>;
}

/** Whoever waits longer is asked to try again; what he is charged for then is given back. */
async function withinLimit(env: Env, charging: Promise<ApiError | undefined>): Promise<ApiError | undefined> {
  const cut = new AbortController();
  const limit = env.timers.sleep(limitMs, cut.signal).then(
    () =>
      new ApiError('ServiceUnavailable', 'the quotas of the namespace are busy; please try again', {
        retryAfterSeconds: 1,
      }),
  );
  try {
    return await Promise.race([charging, limit]);
  } finally {
    cut.abort();
    limit.catch(() => undefined);
  }
}

const plugin: AnyPlugin = definePlugin({
  name: 'admission-resourcequota',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Refuses objects beyond the quotas of their namespace, and charges the quotas for the others.',
  requires: { api: apiClient },
  config: configSchema,
  setup(ctx) {
    const { api } = ctx.deps;
    const informer = new Informer(ctx, api, resourceQuotas, { indexes: { namespace: byNamespace } });
    const cached = (namespace: string): readonly ResourceQuota[] => informer.byIndex('namespace', namespace);
    const quotasOf = async (namespace: string): Promise<readonly ResourceQuota[]> => {
      const found = informer.hasSynced ? cached(namespace) : (await api.list(resourceQuotas, { namespace })).items;
      return found.toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
    };
    const charger = new Charger({ api, quotasOf });
    const { limitedResources } = ctx.config;
    /** Charged only when it has the quotas that it needs. */
    const charge = async (namespace: string, request: QuotaRequest): Promise<ApiError | undefined> => {
      const why =
        limitedResources.length === 0 ? undefined : uncovered(limitedResources, request, await quotasOf(namespace));
      return why === undefined ? charger.charge(namespace, request) : forbiddenBy(request.context, why);
    };
    const { clock } = ctx.env;
    /** Requests that are being charged, or are charged and not stored yet. */
    const charges = new WeakMap<AdmissionContext, Charge>();
    ctx.tap(apiHooks.objectCharge, (object, context) => {
      const { namespace = '' } = context;
      // Most namespaces have no quota: a look into the cache is all that they cost.
      if (limitedResources.length === 0 && informer.hasSynced && cached(namespace).length === 0) return undefined;
      if (!isCharged(context)) return undefined;
      const request = requestOf(object, context, clock.now());
      if (context.operation === 'UPDATE' && request.growth.size === 0) return undefined;
      const charging: Charge = { request, atMs: clock.monotonic(), done: charge(namespace, request) };
      charges.set(context, charging);
      return withinLimit(ctx.env, charging.done).then((refusal) =>
        refusal === undefined ? undefined : [refuse(refusal)],
      );
    });
    ctx.tap(apiHooks.objectUnwritten, async (_object, context) => {
      const charging = charges.get(context);
      if (charging === undefined) return;
      charges.delete(context);
      const { request, atMs, done } = charging;
      await done;
      await charger.giveBack(context.namespace ?? '', request, () => clock.monotonic() - atMs < giveBackMs);
    });
    return {
      async start() {
        informer.start();
        await informer.tried;
      },
      async stop() {
        await informer.stop();
      },
    };
  },
});

export default plugin;
