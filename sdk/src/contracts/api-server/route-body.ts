import type { StandardSchemaV1 } from '@standard-schema/spec';
import { ApiError } from '../../kube/index.ts';

/**
 * Checks the body of a route by a schema (zod, or any other Standard Schema that answers at once). No body counts as `{}`.
 * @throws ApiError BadRequest with a cause for each field that is wrong.
 */
export function parseRouteBody<T>(schema: StandardSchemaV1<unknown, T>, body: unknown): T {
  const result = schema['~standard'].validate(body ?? {});
  if ('then' in result) throw new TypeError('the schema of a route must answer at once');
  if (result.issues === undefined) return result.value;
  const causes = result.issues.map(({ path = [], message }) => ({
    reason: 'FieldValueInvalid',
    field: path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
    message,
  }));
  const text = causes.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join(', ');
  throw new ApiError('BadRequest', `the body of the request is not valid: ${text}`, { causes });
}
