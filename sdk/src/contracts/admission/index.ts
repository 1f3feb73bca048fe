/**
 * Admission by what stands in objects: webhooks and policies. Unlike the taps of `api.object.mutate` and `api.object.validate`, it may
 * take long, and its refusals are no faults of a plugin. Order of a write: taps that mutate, these, both again where these changed something,
 * strategy, taps that validate, these.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Status } from '../../kube/index.ts';
import type {
  AccessAttributes,
  AccessDecision,
  AdmissionContext,
  AdmissionObject,
  ServedName,
} from '../api-server/index.ts';

/** What is said about a request beside its answer. */
export interface AdmissionNotes {
  /** Becomes a Warning header. */
  warn(text: string): void;
  /** Goes to the audit log. */
  annotate(key: string, value: string): void;
}

export interface AdmissionRequest extends AdmissionContext, AdmissionNotes {
  /**
   * The object after a JSON patch, without fields that its kind does not have, with defaults: the very same one where that changes
   * nothing. @throws ApiError
   */
  patched(object: AdmissionObject, operations: unknown): AdmissionObject;
  /**
   * The same after a part of an object was merged into it as server-side apply does it, but that nothing is taken out.
   * @throws ApiError also where the part has a list or map that would be replaced as a whole
   */
  merged(object: AdmissionObject, configuration: object): AdmissionObject;
  /** Whether somebody may do something, by the hook `api.access.decide`. */
  authorize(attributes: AccessAttributes): Promise<AccessDecision>;
  /** The request under another of the names that `servedAs` has: version, group. @throws ApiError when it cannot be converted */
  as(name: ServedName): Promise<AdmissionView>;
}

/** A request in one of the forms in which its objects are served. */
export interface AdmissionView {
  /** With the names and the old object in this form. What it patches and merges is in this form, too. */
  readonly request: AdmissionRequest;
  /** @throws ApiError when it cannot be converted */
  show(object: AdmissionObject): Promise<AdmissionObject>;
  /** What the opposite of `show` makes of a changed object. @throws ApiError */
  restore(object: AdmissionObject): Promise<AdmissionObject>;
}

export type MutationOutcome =
  | {
      readonly ok: true;
      /** The very same where nothing changed. */
      readonly object: AdmissionObject;
      /** Asked once more at most, when anybody changed the object, with what all of them made of it. */
      readonly again?: (object: AdmissionObject) => Promise<MutationOutcome>;
    }
  | { readonly ok: false; readonly refusal: Status };

export interface ObjectAdmission {
  /** Those with lower ones are asked before others. Default 0. */
  readonly order?: number;
  /** False: neither method has anything to say about such a request. */
  concerns(context: AdmissionContext): boolean;
  /** Must not change the object that it gets: a changed one is another. */
  mutate(object: AdmissionObject, request: AdmissionRequest): Promise<MutationOutcome>;
  /** Undefined: it may be. */
  validate(object: AdmissionObject, request: AdmissionRequest): Promise<Status | undefined>;
}

/** Token of {@link ObjectAdmission}. */
export const objectAdmission: ServiceToken<ObjectAdmission, 'many'> = defineService<ObjectAdmission, 'many'>(
  'api.object-admission',
  { major: 1, cardinality: 'many', sync: ['concerns'] },
);
