import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import {
  apiHooks,
  forbiddenBy,
  isPodCreation,
  notReadable,
  refuse,
  type AdmissionContext,
  type AdmissionObject,
  type AdmissionRefusal,
} from '@timonel/sdk/contracts/api-server';
import { Informer, isApiAbsent, readThrough } from '@timonel/sdk/controller';
import { serviceAccounts, type Pod, type ServiceAccount } from '@timonel/sdk/kube';
import { accountName, giveAccount, isMirror } from './pod-account.ts';

/** The default account of a new namespace is made a moment after it. */
const defaultWaitMs = 1000;
const pollMs = 50;
const letters = 'bcdfghjklmnpqrstvwxz2456789';

const plugin: AnyPlugin = definePlugin({
  name: 'admission-serviceaccount',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Gives new pods their service account: its token as a volume, its Secrets for pulling images.',
  requires: { api: apiClient },
  setup(ctx) {
    const { api } = ctx.deps;
    const { clock, random, timers } = ctx.env;
    const informer = new Informer(ctx, api, serviceAccounts);
    const suffix = (): string =>
      Array.from({ length: 5 }, () => letters.charAt(Math.floor(random.next() * letters.length))).join('');
    const known = ({ spec }: Pod, namespace = ''): ServiceAccount | undefined =>
      informer.get(`${namespace}/${accountName(spec)}`);

    const find = async (pod: Pod, namespace = ''): Promise<ServiceAccount | undefined> => {
      const name = accountName(pod.spec);
      const endMs = clock.monotonic() + defaultWaitMs;
      for (;;) {
        const found = known(pod, namespace) ?? (await readThrough(informer, api, ctx.env, { namespace, name }));
        if (found !== undefined || name !== 'default' || clock.monotonic() >= endMs) return found;
        await timers.sleep(pollMs, ctx.signal);
      }
    };
    const giveLater = async (pod: Pod, { namespace }: AdmissionContext): Promise<undefined> => {
      try {
        const account = await find(pod, namespace);
        if (account !== undefined) giveAccount(pod, account, suffix);
      } catch (error) {
        // The check that follows refuses the pod.
        if (!isApiAbsent(error)) throw error;
      }
    };
    const refusalOf = async (pod: Pod, context: AdmissionContext): Promise<AdmissionRefusal[] | undefined> => {
      const { namespace = '' } = context;
      const name = accountName(pod.spec);
      try {
        if ((await readThrough(informer, api, ctx.env, { namespace, name })) !== undefined) return undefined;
      } catch (error) {
        if (!isApiAbsent(error)) throw error;
        return [refuse(notReadable(`the service account ${namespace}/${name}`))];
      }
      const why = `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`;
      return [refuse(forbiddenBy(context, why))];
    };
    const podOf = (object: AdmissionObject, context: AdmissionContext): Pod | undefined => {
      if (!isPodCreation(context)) return undefined;
      const pod = object as unknown as Pod;
      return typeof pod.spec !== 'object' || isMirror(pod) ? undefined : pod;
    };
    ctx.tap(
      apiHooks.objectMutate,
      (object, context) => {
        const pod = podOf(object, context);
        if (pod === undefined || !Array.isArray(pod.spec.containers)) return undefined;
        const account = known(pod, context.namespace);
        if (account === undefined) return giveLater(pod, context);
        giveAccount(pod, account, suffix);
        return undefined;
      },
      { stage: apiHooks.objectMutate.options.stages['defaults'] ?? -100 },
    );
    ctx.tap(apiHooks.objectValidate, (object, context) => {
      const pod = podOf(object, context);
      if (pod === undefined || known(pod, context.namespace) !== undefined) return undefined;
      return refusalOf(pod, context);
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
