import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, refuse } from '@timonel/sdk/contracts/api-server';
import { Informer } from '@timonel/sdk/controller';
import { isAlreadyExists, isNotFound, namespaces, type Namespace } from '@timonel/sdk/kube';
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

async function read(api: ApiClient, name: string): Promise<Namespace | undefined> {
  try {
    return await api.get(namespaces, { name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
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
      const namespace = informer.get(name) ?? (await read(api, name));
      const creation = creationRefusal(context, namespace);
      return creation === undefined ? undefined : [refuse(creation)];
    });
    return {
      async start() {
        await ensureNamespaces(api);
        informer.start();
        await informer.synced;
      },
      async stop() {
        await informer.stop();
      },
    };
  },
});

export default plugin;
