import { expect, it } from '@jest/globals';
import { z } from 'zod';
import { parseRouteBody } from './index.ts';

const schema = z.strictObject({ id: z.string(), at: z.strictObject({ port: z.int() }).optional() });

it('gives the body back, or names the fields that are wrong', () => {
  expect(parseRouteBody(schema, { id: 'a' })).toEqual({ id: 'a' });
  expect(() => parseRouteBody(schema, undefined)).toThrow('id: ');
  let status: unknown;
  try {
    parseRouteBody(schema, { id: 'a', at: { port: 'x' } });
  } catch (error) {
    status = (error as { status?: unknown }).status;
  }
  expect(status).toMatchObject({ code: 400, details: { causes: [{ field: 'at.port' }] } });
  expect(() => parseRouteBody(schema, 'text')).toThrow('the body of the request is not valid');
});
