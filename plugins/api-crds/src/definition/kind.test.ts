import { describe, expect, it } from '@jest/globals';
import type { Clock } from '@timonel/sdk';
import type { Pauses } from '@timonel/sdk/admission';
import type { CustomResourceDefinition } from '@timonel/sdk/kube';
import type { Json } from '../schema/json.ts';
import { customResourceDefinitionKind } from './kind.ts';

class CountedPauses {
  count = 0;
  due(): Promise<void> {
    this.count += 1;
    return Promise.resolve();
  }
}

const definitionOf = (openAPIV3Schema: Json): CustomResourceDefinition =>
  ({ metadata: {}, spec: { versions: [{ name: 'v1', schema: { openAPIV3Schema } }] } }) as CustomResourceDefinition;

/** How often others had their turn, and what was found. */
async function checked(schema: Json, old?: Json): Promise<{ turns: number; messages: string[] }> {
  const pauses = new CountedPauses();
  const { strategy } = customResourceDefinitionKind(
    {} as Clock,
    () => false,
    () => pauses as unknown as Pauses,
  );
  const before = old === undefined ? undefined : definitionOf(old);
  const found = (await strategy.validateInTurns?.(definitionOf(schema), before, [])) ?? [];
  return { turns: pauses.count, messages: found.map(({ message }) => message) };
}

const wide = (count: number, one: Json): Json => ({
  type: 'object',
  properties: Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, one])),
});

describe('schemas of a definition', () => {
  it('leave others their turn, be it many places or many rules', async () => {
    const places = await checked(wide(4000, { type: 'string', pattern: '^a$' }));
    expect(places).toMatchObject({ messages: [] });
    expect(places.turns).toBeGreaterThan(200);
    const rules = Array.from({ length: 300 }, (_, index) => ({ rule: `has(self.p${index})` }));
    const ruled = await checked({ ...wide(300, { type: 'string' }), 'x-kubernetes-validations': rules });
    expect(ruled).toMatchObject({ messages: [] });
    expect(ruled.turns).toBeGreaterThan(300);
  });

  it('are not looked at anew where they stay as they were', async () => {
    const wrong = wide(100, { type: 'text' });
    expect(await checked(wrong, structuredClone(wrong))).toEqual({ turns: 0, messages: [] });
    expect((await checked(wrong, wide(100, { type: 'string' }))).messages).toHaveLength(100);
  });

  it('say only so often what is wrong with them', async () => {
    const { messages } = await checked(wide(5000, { type: 'text' }));
    expect(messages.length).toBeLessThan(300);
    expect(messages[0]).toContain('Unsupported value: "text"');
  });

  it('are read a few times, however many defaults lie above them', async () => {
    let reads = 0;
    const leaf: Json = {
      get type() {
        reads += 1;
        return 'string';
      },
    };
    let schema: Json = { type: 'object', properties: { leaf } };
    for (let level = 0; level < 90; level += 1) schema = { type: 'object', default: {}, properties: { a: schema } };
    expect(await checked({ type: 'object', properties: { spec: schema } })).toMatchObject({ messages: [] });
    expect(reads).toBeLessThan(20);
  });
});
