/** Checks the bodies of the routes by zod schemas; the refusal names the field. */
import { ApiError } from '@timonel/sdk/kube';
import type { z } from 'zod';

/** @throws ApiError BadRequest with a cause for each field that is wrong. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const causes = result.error.issues.map((issue) => ({
    reason: 'FieldValueInvalid',
    field: issue.path.join('.'),
    message: issue.message,
  }));
  const text = causes.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join(', ');
  throw new ApiError('BadRequest', `the body of the request is not valid: ${text}`, { causes });
}
