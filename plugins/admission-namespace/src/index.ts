import { definePlugin, type AnyPlugin, type Env } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, refuse, type AdmissionRefusal } from '@timonel/sdk/contracts/api-server';
import { Informer, isApiAbsent } from '@timonel/sdk/controller';
import { ApiError, isAlreadyExists, isNotFound, namespaces, type Namespace } from '@timonel/sdk/kube';
import { creationRefusal, deletionRefusal, initialNamespaces, needsNamespace } from './lifecycle.ts';

async function ensureNamespaces(api: ApiClient): Promise<void> {
  for (const name of initialNamespaces) {
    try {
      await api.create(namespaces, { kind: 'Namespace', apiVersion: 'v1', metadata: { name } });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

const retryMs = 1_000;
/** Below the deadline of the hook: an API that does not answer is no fault of this plugin. */
const readLimitMs = 1_700;

/** The refusal of a request that cannot be judged: nobody is at fault. */
function cannotJudge(name: string): readonly AdmissionRefusal[] {
  const message = `the namespace ${name} cannot be read at the moment; please try again`;
  return [refuse(new ApiError('ServiceUnavailable', message, { retryAfterSeconds: 1 }))];
}

/** @throws ApiError Timeout, and what the API throws */
async function read(api: ApiClient, env: Env, name: string): Promise<Namespace | undefined> {
  const cut = new AbortController();
  const limit = env.timers.sleep(readLimitMs, cut.signal).then(() => {
    throw new ApiError('Timeout', `the API did not answer within ${readLimitMs} ms`);
  });
  try {
    return await Promise.race([api.get(namespaces, { name }), limit]);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  } finally {
    cut.abort();
    limit.catch(() => undefined);
  }
}

/** Refuses objects in namespaces that are missing or terminating, protects the namespaces every cluster has, and makes them. */
const plugin: AnyPlugin = definePlugin({
  name: 'admission-namespace',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Refuses objects in missing or terminating namespaces and keeps the initial namespaces.',
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const informer = new Informer(ctx, api, namespaces);
    ctx.tap(apiHooks.objectValidate, async (_object, context) => {
      const deletion = deletionRefusal(context);
      if (deletion !== undefined) return [refuse(deletion)];
      if (!needsNamespace(context)) return undefined;
      const name = context.namespace ?? '';
      // What is missing in the cache may only not have arrived yet.
      let namespace = informer.get(name);
      try {
        namespace ??= await read(api, ctx.env, name);
      } catch (error) {
        if (!isApiAbsent(error)) throw error;
        return cannotJudge(name);
      }
      const creation = creationRefusal(context, namespace);
      return creation === undefined ? undefined : [refuse(creation)];
    });
    /** False: the API is away. */
    const ensured = async (): Promise<boolean> => {
      try {
        await ensureNamespaces(api);
        return true;
      } catch (error) {
        if (!isApiAbsent(error)) throw error;
        return false;
      }
    };
    const ensureLater = async (): Promise<void> => {
      const sleep = (): Promise<void> => ctx.env.timers.sleep(retryMs, ctx.signal);
      for (let done = false; !done && !ctx.signal.aborted;) {
        await sleep().catch(() => undefined);
        done = await ensured().catch((error: unknown) => (ctx.reportFault(error), false));
      }
    };
    let ensuring: Promise<void> | undefined;
    return {
      async start() {
        // An API without its store must not keep the process from starting.
        if (!(await ensured())) ensuring = ensureLater();
        informer.start();
        await informer.tried;
      },
      async stop() {
        await ensuring;
        await informer.stop();
      },
    };
  },
});

export default plugin;
