/** Asks one webhook about one request. */
import { errorMessage, type Env } from '@timonel/sdk';
import {
  evaluateConditions,
  namespaceSelected,
  objectSelected,
  requestAttributes,
  RequestAuthorizer,
  requestObjects,
  unreadNamespace,
  type NamespaceLabels,
  type TurnOutcome,
} from '@timonel/sdk/admission';
import type { AdmissionRequest, AdmissionView } from '@timonel/sdk/contracts/admission';
import { forbiddenBy, type AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { ApiError, type Status } from '@timonel/sdk/kube';
import { callWebhook, type WebhookConnections } from '@timonel/sdk/webhooks';
import { denial, verdictIn, type Verdict } from './answer.ts';
import type { Hook, HookType, MeantHook } from './hooks.ts';

export interface AskParts {
  readonly env: Env;
  readonly connections: WebhookConnections;
  readonly labelsOf: NamespaceLabels;
  readonly counted: (hook: Hook, operation: string, rejected: boolean) => void;
  readonly letThrough: (hook: Hook) => void;
}

/** Of an answer; Kubernetes reads three times the largest request. */
const answerLimitBytes = 9 * 1024 * 1024;
const failOpenKeys: Readonly<Record<HookType, string>> = {
  admit: 'failed-open.mutation.webhook.admission.k8s.io',
  validating: 'failed-open.validation.webhook.admission.k8s.io',
};
/** It is not concerned, or it failed and that does not matter. */
const passed: TurnOutcome = Object.freeze({ kind: 'passed' });

function internalError(why: string): Status {
  return new ApiError('InternalError', `Internal error occurred: ${why}`).status;
}

export class Asker {
  readonly #parts: AskParts;

  constructor(parts: AskParts) {
    this.#parts = parts;
  }

  /** Never throws because of the webhook. */
  async ask({ hook, name }: MeantHook, object: AdmissionObject, request: AdmissionRequest): Promise<TurnOutcome> {
    const { webhook } = hook;
    if (!objectSelected(webhook.objectSelector, object, request)) return passed;
    try {
      if (!(await namespaceSelected(webhook.namespaceSelector, object, request, this.#parts.labelsOf))) return passed;
    } catch (error) {
      // Whatever its failurePolicy, which is about the webhook.
      return { kind: 'refused', refusal: unreadNamespace(request, error).status };
    }
    try {
      return await this.#askIn(await request.as(name), hook, object, request);
    } catch (error) {
      return { kind: 'refused', refusal: internalError(errorMessage(error)) };
    }
  }

  /** In the form that its rules name. @throws ApiError when objects cannot be converted */
  async #askIn(
    view: AdmissionView,
    hook: Hook,
    object: AdmissionObject,
    request: AdmissionRequest,
  ): Promise<TurnOutcome> {
    const { webhook, type } = hook;
    const uid = this.#parts.env.random.uuid();
    const subject = await view.show(object);
    const objects = requestObjects(subject, view.request);
    const review = { ...requestAttributes(subject, view.request, uid), ...objects };
    const values = { ...objects, request: review };
    const conditions = await evaluateConditions(hook.conditions(), values, new RequestAuthorizer(request));
    if (conditions === 'fail') return passed;
    if (conditions !== 'hold') {
      if (webhook.failurePolicy === 'Ignore') return passed;
      return { kind: 'refused', refusal: forbiddenBy(request, conditions.problem).status };
    }
    let verdict: Verdict;
    let changed = subject;
    try {
      verdict = await this.#verdict(hook, review, uid);
      if (verdict.allowed && verdict.patch !== undefined) changed = view.request.patched(subject, verdict.patch);
    } catch (error) {
      return this.#failed(hook, request, errorMessage(error));
    }
    for (const text of verdict.warnings) request.warn(text);
    for (const [key, value] of Object.entries(verdict.annotations)) request.annotate(`${webhook.name}/${key}`, value);
    this.#parts.counted(hook, request.operation, !verdict.allowed);
    if (!verdict.allowed) return { kind: 'refused', refusal: denial(webhook.name, verdict.status) };
    if (type === 'validating' || changed === subject) return { kind: 'allowed', object };
    return { kind: 'allowed', object: await view.restore(changed) };
  }

  async #verdict({ webhook, type }: Hook, request: unknown, uid: string): Promise<Verdict> {
    const { env, connections } = this.#parts;
    const version = webhook.admissionReviewVersions.find((one) => one === 'v1' || one === 'v1beta1') ?? 'v1';
    const body = { kind: 'AdmissionReview', apiVersion: `admission.k8s.io/${version}`, request };
    let answer: unknown;
    try {
      answer = await callWebhook({
        config: webhook.clientConfig,
        body,
        timeoutMs: (webhook.timeoutSeconds ?? 10) * 1000,
        limitBytes: answerLimitBytes,
        timers: env.timers,
        connections,
      });
    } catch (error) {
      throw new Error(`failed to call webhook: ${errorMessage(error)}`, { cause: error });
    }
    return verdictIn(answer, uid, version, type === 'admit');
  }

  #failed(hook: Hook, request: AdmissionRequest, why: string): TurnOutcome {
    const { webhook, type } = hook;
    if (webhook.failurePolicy !== 'Ignore') {
      this.#parts.counted(hook, request.operation, true);
      return { kind: 'refused', refusal: internalError(`failed calling webhook "${webhook.name}": ${why}`) };
    }
    this.#parts.letThrough(hook);
    request.annotate(`${failOpenKeys[type]}/${hook.configuration}`, webhook.name);
    return passed;
  }
}
