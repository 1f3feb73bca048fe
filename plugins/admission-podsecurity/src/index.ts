import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { objectAdmission, type AdmissionRequest } from '@timonel/sdk/contracts/admission';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, notReadable, type AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { Informer, isApiAbsent, readThrough } from '@timonel/sdk/controller';
import { namespaces, type Namespace, type Status } from '@timonel/sdk/kube';
import { configSchema, policyIn } from './config.ts';
import { exemptionOf, judge } from './judge.ts';
import { newLabelProblems, tellOfPolicy } from './namespace-labels.ts';
import { isOpen, policyOf, prefix } from './policy.ts';
import { isNamespace, isOldNews, pathOf, templateAt } from './subject.ts';

/** The pod security standards, as the labels of namespaces ask for them. */
const plugin: AnyPlugin = definePlugin({
  name: 'admission-podsecurity',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Refuses pods that do not meet the pod security standard of their namespace, or warns about them.',
  criticality: 'required',
  // A swap would let pods pass for a moment.
  swap: 'never',
  provides: { admission: objectAdmission },
  requires: { api: apiClient },
  config: configSchema,
  setup(ctx) {
    const { api } = ctx.deps;
    const { exemptions } = ctx.config;
    const defaults = policyIn(ctx.config);
    const informer = new Informer(ctx, api, namespaces);
    const namespaceOf = async (name: string): Promise<Namespace | 'unreadable' | undefined> => {
      try {
        return await readThrough(informer, api, ctx.env, { name });
      } catch (error) {
        if (!isApiAbsent(error)) throw error;
        return 'unreadable';
      }
    };

    ctx.tap(apiHooks.objectValidate, newLabelProblems);

    async function lookAtPod(object: AdmissionObject, request: AdmissionRequest): Promise<Status | undefined> {
      const path = pathOf(request);
      if (path === undefined || isOldNews(request, object)) return undefined;
      const pod = templateAt(object, path);
      const exemption = exemptionOf(request, pod, exemptions);
      if (exemption !== undefined) {
        request.annotate(`${prefix}exempt`, exemption);
        return undefined;
      }
      const namespace = await namespaceOf(request.namespace ?? '');
      if (namespace === undefined) return undefined;
      if (namespace === 'unreadable') return notReadable('the namespace').status;
      return judge(policyOf(namespace.metadata.labels, defaults), pod, request);
    }

    return {
      provides: {
        admission: {
          concerns(context) {
            if (isNamespace(context)) return true;
            if (pathOf(context) === undefined) return false;
            const namespace = informer.get(context.namespace ?? '');
            return namespace === undefined || !isOpen(policyOf(namespace.metadata.labels, defaults));
          },
          mutate: (object) => Promise.resolve({ ok: true, object }),
          async validate(object, request) {
            if (!isNamespace(request)) return lookAtPod(object, request);
            await tellOfPolicy(object, request, { defaults, exemptions, api, clock: ctx.env.clock });
            return undefined;
          },
        },
      },
      async start() {
        informer.start();
        await informer.tried;
      },
      stop: () => informer.stop(),
    };
  },
});

export default plugin;
