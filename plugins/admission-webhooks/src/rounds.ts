/** Many webhooks: those that mutate one after the other, those that validate all at once. */
import { mutateInRounds } from '@timonel/sdk/admission';
import type { AdmissionRequest, MutationOutcome } from '@timonel/sdk/contracts/admission';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import type { Status } from '@timonel/sdk/kube';
import type { Asker } from './ask.ts';
import type { MeantHook } from './hooks.ts';

export function mutateBy(
  asker: Asker,
  hooks: readonly MeantHook[],
  object: AdmissionObject,
  request: AdmissionRequest,
): Promise<MutationOutcome> {
  const turns = hooks.map((meant) => ({
    again: meant.hook.webhook.reinvocationPolicy === 'IfNeeded',
    take: (current: AdmissionObject) => asker.ask(meant, current, request),
  }));
  return mutateInRounds(turns, object);
}

/** The refusal of the first that refuses, in their order. */
export async function validateBy(
  asker: Asker,
  hooks: readonly MeantHook[],
  object: AdmissionObject,
  request: AdmissionRequest,
): Promise<Status | undefined> {
  const outcomes = await Promise.all(hooks.map((hook) => asker.ask(hook, object, request)));
  return outcomes.find((outcome) => outcome.kind === 'refused')?.refusal;
}
