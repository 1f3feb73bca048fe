import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import { clusterAuthority, type ClusterAuthority } from '@timonel/sdk/contracts/auth';
import { controller } from '@timonel/sdk/contracts/controller';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { explainers } from '@timonel/sdk/contracts/why';
import { controllerPart, keysFrom, runControllers } from '@timonel/sdk/controller';
import { certificateSigningRequests } from '@timonel/sdk/kube';
import { refusalsOf } from './admission.ts';
import { nextStep } from './next-step.ts';
import { explain, reconcile } from './reconcile.ts';

const requests = controllerPart({
  name: 'controller-certificates',
  component: 'csr-signing-controller',
  subject: certificateSigningRequests,
  inputs: ({ informers }) => informers.for(certificateSigningRequests),
  sources: (cache) => [keysFrom(cache, ({ metadata }) => [metadata.name ?? ''])],
  async observe(key, cache, now, { api, deps }) {
    const subject = cache.get(key);
    if (subject === undefined) return undefined;
    const { authority } = deps as unknown as { authority: ClusterAuthority };
    return { ...now, subject, next: await nextStep(subject, { api, authority }) };
  },
  reconcile,
  explain,
});

const plugin: AnyPlugin = definePlugin({
  name: 'controller-certificates',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Signs approved certificate signing requests, approves those of nodes, and says who may approve which.',
  criticality: 'required',
  // Without it, requests would be written that it refuses.
  swap: 'never',
  provides: { controller, explainers },
  requires: { api: apiClient, authority: clusterAuthority },
  optional: { leadership },
  setup(ctx) {
    const { api } = ctx.deps;
    ctx.tap(apiHooks.objectValidate, (object, context) =>
      context.group === certificateSigningRequests.group && context.resource === certificateSigningRequests.resource
        ? refusalsOf(api, object, context)
        : undefined,
    );
    return runControllers(ctx, [requests]);
  },
});

export default plugin;
