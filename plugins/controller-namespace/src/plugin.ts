import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { informers, keysFrom, runController } from '@timonel/sdk/controller';
import { namespaces, objectKey } from '@timonel/sdk/kube';
import { contentOf, execute } from './execute.ts';
import { isTerminating, plan } from './reconcile.ts';

/** Objects that die gracefully are looked for again so often. */
const recheckMs = 500;

const plugin: AnyPlugin = definePlugin({
  name: 'controller-namespace',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Empties namespaces that are being deleted and lets them go.',
  provides: { controller },
  requires: { api: apiClient },
  optional: { leadership },
  swap: 'drain',
  setup(ctx) {
    const { api } = ctx.deps;
    const caches = informers(ctx, api);
    const all = caches.for(namespaces);
    return runController({
      ctx,
      name: 'namespace',
      informers: caches,
      leadership: ctx.deps.leadership,
      workers: 4,
      sources: [keysFrom(all, (namespace) => (isTerminating(namespace) ? [objectKey(namespace)] : []))],
      async reconcile(key) {
        const namespace = all.get(key);
        if (namespace === undefined || !isTerminating(namespace)) return;
        const { actions, remaining } = plan({ namespace, content: await contentOf(api, key) });
        await execute(api, namespace, actions);
        if (remaining === 0) return;
        const waitsForOthers = actions.length === 0;
        return { requeueAfterMs: waitsForOthers ? recheckMs : 1 };
      },
    });
  },
});

export default plugin;
