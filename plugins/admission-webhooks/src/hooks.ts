/** The webhooks of all configurations, in the order in which they are asked. */
import { compileConditions, isExempt, ruleMatches, type Conditions } from '@timonel/sdk/admission';
import type { AdmissionContext } from '@timonel/sdk/contracts/api-server';
import type { AdmissionWebhook, WebhookConfiguration } from '@timonel/sdk/kube';

export type HookType = 'admit' | 'validating';

export interface Hook {
  readonly webhook: AdmissionWebhook;
  readonly type: HookType;
  /** Name of its configuration. */
  readonly configuration: string;
  /** Compiled when they are first needed. */
  readonly conditions: () => Conditions;
}

function hookOf(webhook: AdmissionWebhook, type: HookType, configuration: string): Hook {
  let compiled: Conditions | undefined;
  const conditions = (): Conditions => (compiled ??= compileConditions(webhook.matchConditions ?? []));
  return { webhook, type, configuration, conditions };
}

/** By name of the configuration; within one as they stand there. */
export function hooksIn(configurations: readonly WebhookConfiguration[], type: HookType): readonly Hook[] {
  return configurations
    .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
    .flatMap(({ metadata, webhooks = [] }) => webhooks.map((one) => hookOf(one, type, metadata.name ?? '')));
}

/** Those whose rules mean the request. */
export function hooksFor(hooks: readonly Hook[], context: AdmissionContext): readonly Hook[] {
  if (hooks.length === 0 || isExempt(context)) return [];
  return hooks.filter(({ webhook: { rules = [], matchPolicy } }) =>
    rules.some((rule) => ruleMatches(rule, context, matchPolicy)),
  );
}
