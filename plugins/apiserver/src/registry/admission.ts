/** Runs the admission hooks around a write. Without taps they cost nothing. */
import type { HookCallOptions, HookCaller } from '@timonel/sdk';
import type { AdmissionNotes } from '@timonel/sdk/contracts/admission';
import type { AdmissionContext, AdmissionObject, AdmissionRefusal, apiHooks } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError, type FieldError, type KubeObject, type StatusReason } from '@timonel/sdk/kube';
import type { Kind } from '../kinds/kind-table.ts';
import { equalJson } from '../json/plain-json.ts';
import { apiErrorIn, invalid } from './api-errors.ts';
import { isEssential } from './essential.ts';
import type { FurtherAdmission } from './further-admission.ts';
import { copyObject } from './ownership.ts';

export interface Hooks {
  readonly objectMutate: HookCaller<typeof apiHooks.objectMutate>;
  readonly objectValidate: HookCaller<typeof apiHooks.objectValidate>;
  readonly objectCharge: HookCaller<typeof apiHooks.objectCharge>;
  readonly objectUnwritten: HookCaller<typeof apiHooks.objectUnwritten>;
  readonly accessDecide: HookCaller<typeof apiHooks.accessDecide>;
}

export interface Circumstances {
  readonly kind: Kind;
  readonly asked?: Kind;
  /** The object is written by its subresource `scale`. */
  readonly byScale?: true;
  readonly operation: AdmissionContext['operation'];
  readonly subresource: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly user: UserInfo;
  readonly plugin?: string | undefined;
  readonly oldObject: KubeObject | undefined;
  readonly dryRun: boolean;
  readonly notes?: AdmissionNotes;
}

export function contextOf(circumstances: Circumstances): AdmissionContext {
  const { group, version, resource, kind } = circumstances.kind.definition;
  const { operation, subresource, namespace, name, user, oldObject, dryRun } = circumstances;
  return { operation, group, version, resource, kind, subresource, namespace, name, user, oldObject, dryRun };
}

/** Whom the taps must not stop. */
export function behalfOf(circumstances: Circumstances): HookCallOptions {
  const { group, resource } = circumstances.kind.definition;
  return { by: circumstances.plugin, essential: isEssential({ group, resource, namespace: circumstances.namespace }) };
}

/** A tap refuses a request by throwing an ApiError; the hook wraps it. */
async function unwrapped<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw apiErrorIn(error) ?? error;
  }
}

/** Of an object that may be stored now. */
export interface Admitted {
  /** It was surely not stored. */
  readonly unwritten: () => void;
}

export const uncharged: Admitted = { unwritten: () => undefined };

/** Carries the write out; undefined: there was no write after all. A write of which nobody knows may have happened. */
export async function writeAdmitted<T>(
  { unwritten }: Admitted,
  write: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    const written = await write();
    if (written === undefined) unwritten();
    return written;
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'notApplied' in error && error.notApplied === true) unwritten();
    throw error;
  }
}

export class Admission {
  readonly #hooks: Hooks;

  readonly #further: FurtherAdmission;

  constructor(hooks: Hooks, further: FurtherAdmission) {
    this.#hooks = hooks;
    this.#further = further;
  }

  /** Returns the object as the taps made it. */
  async mutate<T extends KubeObject>(object: T, circumstances: Circumstances): Promise<T> {
    const subject = await this.#tapped(object as unknown as AdmissionObject, circumstances);
    const between = async (changed: AdmissionObject): Promise<AdmissionObject> => {
      const next = await this.#tapped(copyObject(changed) as AdmissionObject, circumstances);
      return equalJson(next, changed) ? changed : next;
    };
    return (await this.#further.mutate(subject, circumstances, between)) as unknown as T;
  }

  /** What a subresource is called with. Undefined: nobody is concerned, and nothing is waited for: many pods are bound. */
  mutateCall(body: KubeObject, circumstances: Circumstances): Promise<KubeObject> | undefined {
    return this.#further.mutateCall(body as unknown as AdmissionObject, circumstances);
  }

  async #tapped(object: AdmissionObject, circumstances: Circumstances): Promise<AdmissionObject> {
    const { objectMutate } = this.#hooks;
    if (objectMutate.size === 0) return object;
    return unwrapped(objectMutate.call(object, contextOf(circumstances), behalfOf(circumstances)));
  }

  /** @throws ApiError Invalid with the findings of all taps. */
  async validate(object: KubeObject, circumstances: Circumstances): Promise<void> {
    const subject = object as unknown as AdmissionObject;
    if (this.#hooks.objectValidate.size > 0) {
      const { objectValidate } = this.#hooks;
      const found = objectValidate.call(subject, contextOf(circumstances), behalfOf(circumstances));
      refuseFor(await unwrapped(found), circumstances);
    }
    await this.#further.validate(subject, circumstances);
  }

  /** The last look before an object is stored. @throws ApiError as `validate` */
  async admit(object: KubeObject, circumstances: Circumstances): Promise<Admitted> {
    await this.validate(object, circumstances);
    const { objectCharge, objectUnwritten } = this.#hooks;
    if (objectCharge.size === 0) return uncharged;
    const subject = object as unknown as AdmissionObject;
    const context = contextOf(circumstances);
    const behalf = behalfOf(circumstances);
    const unwritten = (): void => void objectUnwritten.call(subject, context, behalf).catch(() => undefined);
    try {
      refuseFor(await unwrapped(objectCharge.call(subject, context, behalf)), circumstances);
    } catch (error) {
      unwritten();
      throw error;
    }
    return { unwritten };
  }
}

/** @throws ApiError */
function refuseFor(findings: readonly FieldError[], { kind, name }: Circumstances): void {
  const refusal = findings.find((finding): finding is AdmissionRefusal => 'status' in finding)?.status;
  if (refusal !== undefined) {
    throw new ApiError(refusal.reason as StatusReason, refusal.message ?? '', refusal.details);
  }
  if (findings.length > 0) throw invalid(kind, name, findings);
}
