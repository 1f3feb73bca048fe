/**
 * Admission by what stands in objects: webhooks and policies. Unlike the taps of `api.object.mutate` and `api.object.validate`, it may
 * take long, and its refusals are no faults of a plugin. Order of a write: taps that mutate, these, strategy, taps that validate, these.
 */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { Status } from '../../kube/index.ts';
import type { AccessAttributes, AccessDecision, AdmissionContext, AdmissionObject } from '../api-server/index.ts';

/** What is said about a request beside its answer. */
export interface AdmissionNotes {
  /** Becomes a Warning header. */
  warn(text: string): void;
  /** Goes to the audit log. */
  annotate(key: string, value: string): void;
}

export interface AdmissionRequest extends AdmissionContext, AdmissionNotes {
  /** The object after a JSON patch, without fields that its kind does not have, with defaults. @throws ApiError */
  patched(object: AdmissionObject, operations: unknown): AdmissionObject;
  /** Whether somebody may do something, by the hook `api.access.decide`. */
  authorize(attributes: AccessAttributes): Promise<AccessDecision>;
}

export type MutationOutcome =
  | { readonly ok: true; readonly object: AdmissionObject }
  | { readonly ok: false; readonly refusal: Status };

export interface ObjectAdmission {
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
