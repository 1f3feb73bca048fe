import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { objectAdmission } from '@timonel/sdk/contracts/admission';
import { apiClient } from '@timonel/sdk/contracts/api';
import { notReadable, serviceDialer, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { Informer } from '@timonel/sdk/controller';
import {
  mutatingWebhookConfigurations,
  namespaces,
  validatingWebhookConfigurations,
  type Status,
} from '@timonel/sdk/kube';
import { WebhookConnections } from '@timonel/sdk/webhooks';
import { Asker } from './ask.ts';
import { hooksFor, hooksIn, type Hook } from './hooks.ts';
import { webhookMetrics } from './metrics.ts';
import { mutateBy, validateBy } from './rounds.ts';

/** Whoever writes from within this process, as it must before anything is read. */
const ownUser = 'system:timonel';

/** Asks the webhooks of MutatingWebhookConfigurations and ValidatingWebhookConfigurations about requests. */
const plugin: AnyPlugin = definePlugin({
  name: 'admission-webhooks',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Asks mutating and validating webhooks about requests.',
  criticality: 'required',
  // A swap would let requests pass for a moment.
  swap: 'never',
  provides: { admission: objectAdmission },
  requires: { api: apiClient },
  optional: { dialer: serviceDialer },
  setup(ctx) {
    const { deps, env } = ctx;
    const { api } = deps;
    const mutating = new Informer(ctx, api, mutatingWebhookConfigurations);
    const validating = new Informer(ctx, api, validatingWebhookConfigurations);
    const informers = [mutating, validating];
    let hooks: { readonly admit: readonly Hook[]; readonly validating: readonly Hook[] } | undefined;
    const forget = (): void => void (hooks = undefined);
    for (const informer of informers) informer.addHandler({ added: forget, updated: forget, deleted: forget });
    const known = (): NonNullable<typeof hooks> =>
      (hooks ??= { admit: hooksIn(mutating.list(), 'admit'), validating: hooksIn(validating.list(), 'validating') });
    const isUnread = ({ user }: AdmissionContext): boolean =>
      informers.some((informer) => !informer.hasSynced) && user.username !== ownUser;
    const unread: Status = notReadable('the webhook configurations').status;
    const connections = new WebhookConnections((service) => {
      if (deps.dialer.current === undefined) throw new Error('no plugin connects to services');
      return deps.dialer.current.dial(service, api);
    });
    const metrics = ctx.metrics(webhookMetrics);
    const asker = new Asker({
      env,
      connections,
      labelsOf: async (name) => (await api.get(namespaces, { name })).metadata.labels,
      counted: ({ webhook, type }, operation, rejected) =>
        metrics.requests.of(webhook.name, type, operation, String(rejected)).add(),
      letThrough: ({ webhook, type }) => metrics.failOpen.of(webhook.name, type).add(),
    });
    return {
      provides: {
        admission: {
          // After policies.
          order: 20,
          concerns: (context) =>
            isUnread(context) ||
            hooksFor(known().admit, context).length > 0 ||
            hooksFor(known().validating, context).length > 0,
          async mutate(object, request) {
            if (isUnread(request)) return { ok: false, refusal: unread };
            return mutateBy(asker, hooksFor(known().admit, request), object, request);
          },
          async validate(object, request) {
            if (isUnread(request)) return unread;
            return validateBy(asker, hooksFor(known().validating, request), object, request);
          },
        },
      },
      async start() {
        for (const informer of informers) informer.start();
        await Promise.all(informers.map((informer) => informer.tried));
      },
      async stop() {
        await Promise.all(informers.map((informer) => informer.stop()));
        connections.close();
      },
    };
  },
});

export default plugin;
