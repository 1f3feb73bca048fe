/** Admission by webhooks and policies, after the taps. Without any it costs nothing. */
import type { Many } from '@timonel/sdk';
import type {
  AdmissionRequest,
  AdmissionView,
  MutationOutcome,
  ObjectAdmission,
} from '@timonel/sdk/contracts/admission';
import type { AdmissionContext, AdmissionObject, ServedName } from '@timonel/sdk/contracts/api-server';
import { apiErrorOf } from '@timonel/sdk/kube';
import type { Kind, KindTable } from '../kinds/kind-table.ts';
import type { Access } from './access.ts';
import { merged, patched } from './admission-changes.ts';
import { formOf, isNamed, type Form } from './admission-form.ts';
import { behalfOf, contextOf, type Circumstances } from './admission.ts';
import { copyObject } from './ownership.ts';
import { applyScale, scaleOf } from './scale.ts';

function nameOf({ definition: { group, version, resource, kind } }: Kind): ServedName {
  return { group, version, resource, kind };
}

/** The request as it is, in another form. */
async function viewOf(
  request: AdmissionRequest,
  circumstances: Circumstances,
  form: Form | undefined,
): Promise<AdmissionView> {
  const same = (object: AdmissionObject): Promise<AdmissionObject> => Promise.resolve(object);
  if (form === undefined) return { request, show: same, restore: same };
  const { kind } = form;
  const { oldObject, asked } = request;
  const { group, version, resource } = request;
  const changing = { ...circumstances, kind };
  const shown: AdmissionRequest = {
    ...request,
    ...nameOf(kind),
    asked: asked ?? { group, version, resource, kind: request.kind },
    oldObject: oldObject === undefined ? undefined : await form.show(oldObject as AdmissionObject),
    patched: (object, operations) => patched(object, operations, changing),
    merged: (object, configuration) => merged(object, configuration, changing),
  };
  return { request: shown, show: (object) => form.show(object), restore: (object) => form.restore(object) };
}

type Turn = (object: AdmissionObject) => Promise<MutationOutcome>;
/** Returns another object where it changes one. */
export type Changer = (object: AdmissionObject) => Promise<AdmissionObject>;

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

  /**
   * Of an object that is written by its scale its Scale is asked about. `between`: what comes before those who are asked here, which has
   * another look at what they changed. @throws ApiError
   */
  async mutate(object: AdmissionObject, circumstances: Circumstances, between: Changer): Promise<AdmissionObject> {
    if (this.#providers.all().length === 0) return object;
    const { kind, byScale } = circumstances;
    if (byScale === undefined) return this.#mutate(object, circumstances, between);
    const scale = scaleOf(kind, object) as AdmissionObject;
    const changed = await this.#mutate(scale, circumstances);
    if (changed === scale) return object;
    return applyScale(kind, copyObject(object), changed) as unknown as AdmissionObject;
  }

  /** Of the body of a subresource, which need not be of the kind that it hangs on. Undefined: nobody is concerned. */
  mutateCall(body: AdmissionObject, circumstances: Circumstances): Promise<AdmissionObject> | undefined {
    const context = this.#context(circumstances);
    if (context === undefined || this.#concerned(context, circumstances).length === 0) return undefined;
    return this.#mutate(body, circumstances);
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

  /** What changed is seen once more by those who want to. */
  async #mutate(object: AdmissionObject, circumstances: Circumstances, between?: Changer): Promise<AdmissionObject> {
    const context = this.#context(circumstances);
    const concerned = context === undefined ? [] : this.#concerned(context, circumstances);
    if (context === undefined || concerned.length === 0) return object;
    let current = object;
    const request = this.#request(context, circumstances);
    const again: Turn[] = [];
    const take = async (turn: Turn): Promise<void> => {
      const outcome = await turn(current);
      if (!outcome.ok) throw apiErrorOf(outcome.refusal);
      current = outcome.object;
      if (outcome.again !== undefined) again.push(outcome.again);
    };
    for (const service of concerned) await take((subject) => service.mutate(subject, request));
    if (current === object) return object;
    if (between !== undefined) current = await between(current);
    for (const turn of again.splice(0)) await take(turn);
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
    const { notes, kind } = circumstances;
    const forms = new Map<Kind, Promise<AdmissionView>>();
    const request: AdmissionRequest = {
      ...context,
      warn: (text) => notes?.warn(text),
      annotate: (key, value) => notes?.annotate(key, value),
      patched: (object, operations) => patched(object, operations, circumstances),
      merged: (object, configuration) => merged(object, configuration, circumstances),
      authorize: (attributes) => this.#parts.access.decide(attributes),
      as: (name) => {
        const shown = this.#parts.kinds.sharing(kind).find((one) => isNamed(one, name)) ?? kind;
        const known = forms.get(shown) ?? viewOf(request, circumstances, formOf(kind, shown));
        forms.set(shown, known);
        return known;
      },
    };
    return request;
  }

  #concerned(context: AdmissionContext, circumstances: Circumstances): readonly ObjectAdmission[] {
    const { by, essential } = behalfOf(circumstances);
    return this.#providers
      .all()
      .toSorted((a, b) => (a.service.order ?? 0) - (b.service.order ?? 0))
      .filter(({ plugin, fromFile }) => plugin !== by && !(essential === true && fromFile === true))
      .map(({ service }) => service)
      .filter((service) => service.concerns(context));
  }
}
