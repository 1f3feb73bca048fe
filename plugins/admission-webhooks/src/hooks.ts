/** The webhooks of all configurations, in the order in which they are asked. */
import { compileConditions, isExempt, nameInRules, type Conditions } from '@timonel/sdk/admission';
import type { AdmissionContext, ServedName } from '@timonel/sdk/contracts/api-server';
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

/** One whose rules mean the request. */
export interface MeantHook {
  readonly hook: Hook;
  /** In whose form it gets objects. */
  readonly name: ServedName;
}

export function hooksFor(hooks: readonly Hook[], context: AdmissionContext): readonly MeantHook[] {
  if (hooks.length === 0 || isExempt(context)) return [];
  return hooks.flatMap((hook) => {
    const { rules = [], matchPolicy } = hook.webhook;
    const name = nameInRules(rules, context, matchPolicy);
    return name === undefined ? [] : [{ hook, name }];
  });
}
