/** Admission by webhooks and policies, after the taps. Without any it costs nothing. */
import type { Many } from '@timonel/sdk';
import type { AdmissionRequest, ObjectAdmission } from '@timonel/sdk/contracts/admission';
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { ApiError, apiErrorOf, type ObjectMeta } from '@timonel/sdk/kube';
import { copyJson, type JsonObject } from '../json/plain-json.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { contextOf, type Circumstances } from './admission.ts';
import { objectShapeCheck } from './shape-check.ts';

const ignore = (): void => undefined;
const dropUnknown = objectShapeCheck('Ignore', ignore);

/** What admission may not change, and what the server keeps without a word. */
const identity = ['name', 'namespace', 'uid'] as const;
const kept = [
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'managedFields',
] as const satisfies readonly (keyof ObjectMeta)[];

function forbidden(what: string): ApiError {
  return new ApiError('BadRequest', `${what} may not be changed by admission`);
}

/** @throws ApiError */
function patched(object: AdmissionObject, operations: unknown, { kind, operation }: Circumstances): AdmissionObject {
  if (operation === 'DELETE' || operation === 'CONNECT') throw forbidden(`the object of a ${operation}`);
  const next = jsonPatch(copyJson(object), operations) as unknown as AdmissionObject;
  for (const member of ['apiVersion', 'kind'] as const) if (next[member] !== object[member]) throw forbidden(member);
  dropUnknown(next, kind);
  const metadata = (next.metadata ?? {}) as unknown as JsonObject;
  for (const field of identity) if (metadata[field] !== object.metadata[field]) throw forbidden(`metadata.${field}`);
  for (const field of kept) {
    if (object.metadata[field] === undefined) delete metadata[field];
    else metadata[field] = object.metadata[field];
  }
  kind.definition.strategy.default?.(next);
  return next;
}

function requestOf(circumstances: Circumstances): AdmissionRequest {
  const { notes } = circumstances;
  return {
    ...contextOf(circumstances),
    warn: (text) => notes?.warn(text),
    annotate: (key, value) => notes?.annotate(key, value),
    patched: (object, operations) => patched(object, operations, circumstances),
  };
}

export class FurtherAdmission {
  readonly #providers: Many<ObjectAdmission>;

  constructor(providers: Many<ObjectAdmission>) {
    this.#providers = providers;
  }

  /** @throws ApiError */
  async mutate(object: AdmissionObject, circumstances: Circumstances): Promise<AdmissionObject> {
    let current = object;
    const concerned = this.#concerned(circumstances);
    if (concerned.length === 0) return object;
    const request = requestOf(circumstances);
    for (const service of concerned) {
      const outcome = await service.mutate(current, request);
      if (!outcome.ok) throw apiErrorOf(outcome.refusal);
      current = outcome.object;
    }
    return current;
  }

  /** @throws ApiError */
  async validate(object: AdmissionObject, circumstances: Circumstances): Promise<void> {
    const concerned = this.#concerned(circumstances);
    if (concerned.length === 0) return;
    const { operation } = circumstances;
    if (operation === 'DELETE' || operation === 'CONNECT') await this.mutate(object, circumstances);
    const request = requestOf(circumstances);
    for (const service of concerned) {
      const refusal = await service.validate(object, request);
      if (refusal !== undefined) throw apiErrorOf(refusal);
    }
  }

  #concerned(circumstances: Circumstances): readonly ObjectAdmission[] {
    const providers = this.#providers.all();
    if (providers.length === 0) return [];
    const context = contextOf(circumstances);
    return providers.map(({ service }) => service).filter((service) => service.concerns(context));
  }
}
