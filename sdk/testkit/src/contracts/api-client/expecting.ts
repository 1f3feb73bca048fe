import { expect } from '@jest/globals';
import type { ApiError } from '@timonel/sdk/kube';

/** The refusal of a call, which must be an ApiError. */
export async function refusal(call: Promise<unknown>): Promise<ApiError> {
  try {
    await call;
  } catch (error) {
    expect(error).toMatchObject({ name: 'ApiError', status: { kind: 'Status', status: 'Failure' } });
    return error as ApiError;
  }
  throw new Error('the call was not refused');
}

/** Every object and list within is frozen. */
export function expectFrozen(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  expect(Object.isFrozen(value)).toBe(true);
  for (const part of Object.values(value)) expectFrozen(part);
}
