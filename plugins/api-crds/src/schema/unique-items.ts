/** Lists that are sets, or whose items have keys: nothing may come twice. */
import type { Findings } from '@timonel/sdk/kube';
import type { Budget } from './budget.ts';
import { canonical, keyOf } from './equal.ts';
import { isJson, type Schema } from './schema.ts';

export function checkUniqueItems(
  value: unknown,
  schema: Schema,
  { path, found, budget }: { path: string; found: Findings; budget: Budget },
): void {
  budget.spend(1);
  if (Array.isArray(value)) {
    checkList(value, schema, { path, found, budget });
    const { items } = schema;
    if (items === undefined) return;
    value.forEach((item, index) => checkUniqueItems(item, items, { path: `${path}[${index}]`, found, budget }));
  } else if (isJson(value)) {
    for (const [name, member] of Object.entries(value)) {
      const inner = schema.member(name);
      const at = path === '' ? name : `${path}.${name}`;
      if (typeof inner === 'object') checkUniqueItems(member, inner, { path: at, found, budget });
    }
  }
}

function checkList(
  list: readonly unknown[],
  { listType, listMapKeys, items }: Schema,
  { path, found, budget }: { path: string; found: Findings; budget: Budget },
): void {
  if (listType !== 'set' && listType !== 'map') return;
  const seen = new Set<string>();
  list.forEach((item, index) => {
    const named = listType === 'set' ? item : keyOf(item, listMapKeys, (key) => items?.properties.get(key)?.default);
    if (named === undefined) return;
    const text = canonical(named);
    budget.spend(1 + text.length / 16);
    if (seen.has(text)) found.duplicate(`${path}[${index}]`, named);
    seen.add(text);
  });
}
