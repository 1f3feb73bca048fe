/** Many webhooks: those that mutate one after the other, those that validate all at once. */
import type { AdmissionRequest, MutationOutcome } from '@timonel/sdk/contracts/admission';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import type { Status } from '@timonel/sdk/kube';
import type { Asker } from './ask.ts';
import type { Hook } from './hooks.ts';

/** Those that want to know what others changed after them are asked once more. */
export async function mutateBy(
  asker: Asker,
  hooks: readonly Hook[],
  object: AdmissionObject,
  request: AdmissionRequest,
): Promise<MutationOutcome> {
  let current = object;
  const again = new Set<Hook>();
  const asked: Hook[] = [];
  for (const hook of hooks) {
    const outcome = await asker.ask(hook, current, request);
    if (outcome.kind === 'refused') return { ok: false, refusal: outcome.refusal };
    if (outcome.kind === 'passed') continue;
    if (outcome.object !== current) for (const earlier of asked) again.add(earlier);
    current = outcome.object;
    if (hook.webhook.reinvocationPolicy === 'IfNeeded') asked.push(hook);
  }
  for (const hook of again) {
    const outcome = await asker.ask(hook, current, request);
    if (outcome.kind === 'refused') return { ok: false, refusal: outcome.refusal };
    if (outcome.kind === 'allowed') current = outcome.object;
  }
  return { ok: true, object: current };
}

/** The refusal of the first that refuses, in their order. */
export async function validateBy(
  asker: Asker,
  hooks: readonly Hook[],
  object: AdmissionObject,
  request: AdmissionRequest,
): Promise<Status | undefined> {
  const outcomes = await Promise.all(hooks.map((hook) => asker.ask(hook, object, request)));
  return outcomes.find((outcome) => outcome.kind === 'refused')?.refusal;
}
