/** What admission may make of an object. */
import type { AdmissionObject } from '@timonel/sdk/contracts/api-server';
import { ApiError, type ObjectMeta } from '@timonel/sdk/kube';
import { copyJson, equalJson, type JsonObject } from '../json/plain-json.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { anything } from '../managed-fields/shape.ts';
import { checkConfig, atomicsIn } from '../patch/apply/check-config.ts';
import { mergeTyped } from '../patch/apply/merge-typed.ts';
import { jsonPatch } from '../patch/json-patch.ts';
import { isOf } from './admission-form.ts';
import type { Circumstances } from './admission.ts';
import { objectShapeCheck } from './shape-check.ts';

/** As long as the body of a request may be. */
const largestBytes = 3 * 1024 * 1024;
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

export interface Changing extends Pick<Circumstances, 'operation'> {
  /** In whose form the objects are, but for those that subresources take. */
  readonly kind: Kind;
}

/** A private copy for changes. @throws ApiError */
function changeable(object: AdmissionObject, { operation }: Changing): JsonObject {
  if (operation === 'DELETE' || operation === 'CONNECT') throw forbidden(`the object of a ${operation}`);
  return copyJson(object);
}

/** The very same object where nothing differs. @throws ApiError */
function settled(changed: JsonObject, object: AdmissionObject, { kind }: Changing): AdmissionObject {
  const isTyped = isOf(kind, object);
  const next = changed as AdmissionObject;
  for (const member of ['apiVersion', 'kind'] as const) if (next[member] !== object[member]) throw forbidden(member);
  if (isTyped) dropUnknown(next, kind);
  const metadata = (next.metadata ?? {}) as unknown as JsonObject;
  for (const field of identity) if (metadata[field] !== object.metadata[field]) throw forbidden(`metadata.${field}`);
  for (const field of kept) {
    if (object.metadata[field] === undefined) delete metadata[field];
    else metadata[field] = object.metadata[field];
  }
  if (isTyped) kind.definition.strategy.default?.(next);
  if (equalJson(next, object)) return object;
  if (Buffer.byteLength(JSON.stringify(next)) > largestBytes)
    throw new ApiError('RequestEntityTooLarge', `admission may not make an object larger than ${largestBytes} bytes`);
  return next;
}

/** @throws ApiError */
export function patched(object: AdmissionObject, operations: unknown, changing: Changing): AdmissionObject {
  return settled(jsonPatch(changeable(object, changing), operations), object, changing);
}

/** What is atomic would lose all that the configuration does not name. @throws ApiError */
export function merged(object: AdmissionObject, given: object, changing: Changing): AdmissionObject {
  const current = changeable(object, changing);
  const { kind } = changing;
  const { apiVersion, kind: name } = object;
  const config = { ...copyJson(given), apiVersion, kind: name } as JsonObject;
  const isTyped = isOf(kind, object);
  const node = isTyped ? kind.schema : anything;
  if (isTyped) checkConfig(config, kind);
  const atomics = atomicsIn(config, node);
  if (atomics.length > 0) {
    const what = `may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`;
    throw new ApiError('BadRequest', `invalid ApplyConfiguration: ${what}`);
  }
  return settled(copyJson(mergeTyped(current, config, node) as JsonObject), object, changing);
}
