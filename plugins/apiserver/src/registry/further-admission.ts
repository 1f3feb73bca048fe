/** Admission by webhooks and policies, after the taps. Without any it costs nothing. */
import type { Many } from '@timonel/sdk';
import type { AdmissionRequest, ObjectAdmission } from '@timonel/sdk/contracts/admission';
import type { AdmissionContext, AdmissionObject, ServedName } from '@timonel/sdk/contracts/api-server';
import { ApiError, apiErrorOf, type ObjectMeta } from '@timonel/sdk/kube';
import { copyJson, type JsonObject } from '../json/plain-json.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { behalfOf, contextOf, type Circumstances } from './admission.ts';
import type { Kind, KindTable } from '../kinds/kind-table.ts';
import type { Access } from './access.ts';
import { copyObject } from './ownership.ts';
import { applyScale, scaleOf } from './scale.ts';
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
function patched(
  object: AdmissionObject,
  operations: unknown,
  { kind, operation, byScale }: Circumstances,
): AdmissionObject {
  if (operation === 'DELETE' || operation === 'CONNECT') throw forbidden(`the object of a ${operation}`);
  const next = jsonPatch(copyJson(object), operations) as unknown as AdmissionObject;
  for (const member of ['apiVersion', 'kind'] as const) if (next[member] !== object[member]) throw forbidden(member);
  if (byScale === undefined) dropUnknown(next, kind);
  const metadata = (next.metadata ?? {}) as unknown as JsonObject;
  for (const field of identity) if (metadata[field] !== object.metadata[field]) throw forbidden(`metadata.${field}`);
  for (const field of kept) {
    if (object.metadata[field] === undefined) delete metadata[field];
    else metadata[field] = object.metadata[field];
  }
  if (byScale === undefined) kind.definition.strategy.default?.(next);
  return next;
}

function nameOf({ definition: { group, version, resource, kind } }: Kind): ServedName {
  return { group, version, resource, kind };
}

export interface FurtherParts {
  readonly access: Pick<Access, 'decide'>;
  readonly kinds: Pick<KindTable, 'sharing'>;
}

export class FurtherAdmission {
  readonly #providers: Many<ObjectAdmission>;
  readonly #parts: FurtherParts;

  constructor(providers: Many<ObjectAdmission>, parts: FurtherParts) {
    this.#providers = providers;
    this.#parts = parts;
  }

  /** Of an object that is written by its scale its Scale is asked about. @throws ApiError */
  async mutate(object: AdmissionObject, circumstances: Circumstances): Promise<AdmissionObject> {
    if (this.#providers.all().length === 0) return object;
    const { kind, byScale } = circumstances;
    if (byScale === undefined) return this.#mutate(object, circumstances);
    const scale = scaleOf(kind, object) as AdmissionObject;
    const changed = await this.#mutate(scale, circumstances);
    if (changed === scale) return object;
    return applyScale(kind, copyObject(object), changed) as unknown as AdmissionObject;
  }

  /** @throws ApiError */
  async validate(object: AdmissionObject, circumstances: Circumstances): Promise<void> {
    const context = this.#context(circumstances);
    const concerned = context === undefined ? [] : this.#concerned(context, circumstances);
    if (context === undefined || concerned.length === 0) return;
    const { operation, kind, byScale } = circumstances;
    if (operation === 'DELETE' || operation === 'CONNECT') await this.#mutate(object, circumstances);
    const request = this.#request(context, circumstances);
    const subject = byScale === undefined ? object : (scaleOf(kind, object) as AdmissionObject);
    for (const service of concerned) {
      const refusal = await service.validate(subject, request);
      if (refusal !== undefined) throw apiErrorOf(refusal);
    }
  }

  async #mutate(object: AdmissionObject, circumstances: Circumstances): Promise<AdmissionObject> {
    const context = this.#context(circumstances);
    const concerned = context === undefined ? [] : this.#concerned(context, circumstances);
    if (context === undefined || concerned.length === 0) return object;
    let current = object;
    const request = this.#request(context, circumstances);
    for (const service of concerned) {
      const outcome = await service.mutate(current, request);
      if (!outcome.ok) throw apiErrorOf(outcome.refusal);
      current = outcome.object;
    }
    return current;
  }

  /** Undefined: nobody is interested. */
  #context(circumstances: Circumstances): AdmissionContext | undefined {
    if (this.#providers.all().length === 0) return undefined;
    const { kind, asked, byScale, oldObject } = circumstances;
    return {
      ...contextOf(circumstances),
      ...(asked === undefined ? {} : { asked: nameOf(asked) }),
      servedAs: this.#parts.kinds.sharing(kind).map(nameOf),
      ...(byScale === undefined || oldObject === undefined
        ? {}
        : { subresource: 'scale', oldObject: scaleOf(kind, oldObject) }),
    };
  }

  #request(context: AdmissionContext, circumstances: Circumstances): AdmissionRequest {
    const { notes } = circumstances;
    return {
      ...context,
      warn: (text) => notes?.warn(text),
      annotate: (key, value) => notes?.annotate(key, value),
      patched: (object, operations) => patched(object, operations, circumstances),
      authorize: (attributes) => this.#parts.access.decide(attributes),
    };
  }

  #concerned(context: AdmissionContext, circumstances: Circumstances): readonly ObjectAdmission[] {
    const { by, essential } = behalfOf(circumstances);
    return this.#providers
      .all()
      .filter(({ plugin, fromFile }) => plugin !== by && !(essential === true && fromFile === true))
      .map(({ service }) => service)
      .filter((service) => service.concerns(context));
  }
}
