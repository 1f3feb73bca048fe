import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { Pauses } from '@timonel/sdk/admission';
import { apiClient } from '@timonel/sdk/contracts/api';
import { derivedKinds, resourceProvider, serviceDialer } from '@timonel/sdk/contracts/api-server';
import type { CustomResourceDefinition } from '@timonel/sdk/kube';
import { callWebhook, WebhookConnections } from '@timonel/sdk/webhooks';
import { customResourceDefinitionKind } from './definition/kind.ts';
import type { IsTaken } from './definition/validate.ts';
import { renaming, type Converter } from './served/converter.ts';
import { derivedKindsOf } from './served/derived.ts';
import { webhookConverter, type Send } from './served/webhook-converter.ts';

/** As long as Kubernetes waits for a conversion. */
const conversionTimeoutMs = 30_000;
const answerLimitBytes = 64 * 1024 * 1024;

/** CustomResourceDefinitions, and the kinds that they describe. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-crds',
  version: '0.1.0',
  apiVersion: 1,
  description: 'CustomResourceDefinitions and the kinds that they describe',
  provides: { resources: resourceProvider, derived: derivedKinds },
  optional: { api: apiClient, dialer: serviceDialer, others: resourceProvider },
  setup(ctx) {
    const { deps, env } = ctx;
    const isTaken: IsTaken = (group, resource) =>
      deps.others
        .all()
        .some(({ service }) => service.definitions().some((one) => one.group === group && one.resource === resource));
    const pauses = (): Pauses => new Pauses(env);
    const definitions = [customResourceDefinitionKind(env.clock, isTaken, pauses)];
    const connections = new WebhookConnections((service) => {
      const { api, dialer } = { api: deps.api.current, dialer: deps.dialer.current };
      if (api === undefined || dialer === undefined) throw new Error('no plugin connects to services');
      return dialer.dial(service, api);
    });
    const send: Send = ({ clientConfig = {} }, body) =>
      callWebhook({
        config: clientConfig,
        body,
        timeoutMs: conversionTimeoutMs,
        limitBytes: answerLimitBytes,
        timers: env.timers,
        connections,
      });
    const converterOf = ({ spec }: CustomResourceDefinition): Converter => {
      const { strategy, webhook } = spec.conversion ?? {};
      if (strategy !== 'Webhook' || webhook === undefined) return renaming;
      return webhookConverter({ webhook, kind: spec.names.kind, send, uid: () => env.random.uuid() });
    };
    return {
      provides: {
        resources: { definitions: () => definitions, schemas: () => ({}) },
        derived: derivedKindsOf((definition) => ({
          converter: converterOf(definition),
          pauses,
        })),
      },
      stop: () => Promise.resolve(connections.close()),
    };
  },
});

export default plugin;
