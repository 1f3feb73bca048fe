import { describe, expect, it } from '@jest/globals';
import type { CelSchema } from '@timonel/sdk/cel';
import type { OpenApiSchema } from '@timonel/sdk/contracts/api-server';
import { inlined } from './inlined-schema.ts';

const anything = { 'x-kubernetes-int-or-string': true };
const to = (name: string): OpenApiSchema => ({ $ref: `#/components/schemas/${name}` });
const typeOf = (properties: Record<string, OpenApiSchema>): OpenApiSchema => ({ type: 'object', properties });

function nodesIn({ properties = {} }: CelSchema): number {
  return Object.values(properties).reduce((sum, one) => sum + nodesIn(one), 1);
}

describe('schemas with what they refer to in its place', () => {
  it('end where a type contains itself', () => {
    const list = { type: 'array', items: to('Tree') };
    const Tree = typeOf({ name: { type: 'string' }, left: to('Tree'), right: to('Tree'), more: list });
    expect(inlined('Tree', { Tree })).toEqual({
      type: 'object',
      properties: {
        name: { type: 'string' },
        left: anything,
        right: anything,
        more: { type: 'array', items: anything },
      },
    });
  });

  it('have a type in every place where it stands beside itself', () => {
    const schemas = { Pair: typeOf({ a: to('Leaf'), b: to('Leaf') }), Leaf: typeOf({ size: { type: 'integer' } }) };
    const leaf = { type: 'object', properties: { size: { type: 'integer' } } };
    expect(inlined('Pair', schemas)).toEqual({ type: 'object', properties: { a: leaf, b: leaf } });
  });

  it('end where they would grow beyond all bounds', () => {
    const count = 16;
    const levels = Array.from({ length: count }, (_, level) =>
      typeOf({ a: to(`T${level + 1}`), b: to(`T${level + 1}`) }),
    );
    const last = typeOf({ size: { type: 'integer' } });
    const schemas = Object.fromEntries([...levels, last].map((schema, level) => [`T${level}`, schema]));
    const schema = inlined('T0', schemas) ?? {};
    expect(nodesIn(schema)).toBeLessThan(30_000);
    expect(schema).toMatchObject({ properties: { a: { properties: { a: { type: 'object' } } }, b: anything } });
  });
});
