/** Runs the admission hooks around a write. Without taps they cost nothing. */
import type { HookCaller } from '@timonel/sdk';
import type { AdmissionContext, AdmissionObject, AdmissionRefusal, apiHooks } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError, type KubeObject, type StatusReason } from '@timonel/sdk/kube';
import type { Kind } from '../kinds/kind-table.ts';
import { apiErrorIn, invalid } from './api-errors.ts';

export interface Hooks {
  readonly objectMutate: HookCaller<typeof apiHooks.objectMutate>;
  readonly objectValidate: HookCaller<typeof apiHooks.objectValidate>;
  readonly accessDecide: HookCaller<typeof apiHooks.accessDecide>;
}

export interface Circumstances {
  readonly kind: Kind;
  readonly operation: AdmissionContext['operation'];
  readonly subresource: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly user: UserInfo;
  readonly oldObject: KubeObject | undefined;
  readonly dryRun: boolean;
}

function contextOf(circumstances: Circumstances): AdmissionContext {
  const { group, version, resource, kind } = circumstances.kind.definition;
  const { operation, subresource, namespace, name, user, oldObject, dryRun } = circumstances;
  return { operation, group, version, resource, kind, subresource, namespace, name, user, oldObject, dryRun };
}

/** A tap refuses a request by throwing an ApiError; the hook wraps it. */
async function unwrapped<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw apiErrorIn(error) ?? error;
  }
}

export class Admission {
  readonly #hooks: Hooks;

  constructor(hooks: Hooks) {
    this.#hooks = hooks;
  }

  /** Returns the object as the taps made it. */
  async mutate<T extends KubeObject>(object: T, circumstances: Circumstances): Promise<T> {
    if (this.#hooks.objectMutate.size === 0) return object;
    const subject = object as unknown as AdmissionObject;
    const changed = await unwrapped(this.#hooks.objectMutate.call(subject, contextOf(circumstances)));
    return changed as unknown as T;
  }

  /** @throws ApiError Invalid with the findings of all taps. */
  async validate(object: KubeObject, circumstances: Circumstances): Promise<void> {
    if (this.#hooks.objectValidate.size === 0) return;
    const subject = object as unknown as AdmissionObject;
    const findings = await unwrapped(this.#hooks.objectValidate.call(subject, contextOf(circumstances)));
    const refusal = findings.find((finding): finding is AdmissionRefusal => 'status' in finding)?.status;
    if (refusal !== undefined) {
      throw new ApiError(refusal.reason as StatusReason, refusal.message ?? '', refusal.details);
    }
    if (findings.length > 0) throw invalid(circumstances.kind, circumstances.name, findings);
  }
}
