import { expect, it } from '@jest/globals';
import type { AdmissionContext, AdmissionObject } from '../contracts/api-server/index.ts';
import { objectSelected } from './rules.ts';

it('an object without metadata, as subresources take, has no labels', () => {
  const context = { oldObject: undefined } as AdmissionContext;
  const object = { kind: 'Eviction' } as unknown as AdmissionObject;
  expect(objectSelected({ matchLabels: { a: 'b' } }, object, context)).toBe(false);
  expect(objectSelected({ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] }, object, context)).toBe(true);
});
