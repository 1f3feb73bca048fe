import type { Kind } from './kind-table.ts';

/** Whether the store holds the objects of a kind, be it in another shape. */
export function isStored({ definition }: Kind): boolean {
  return definition.answer === undefined && definition.postsTo === undefined && definition.listed === undefined;
}

/** Whether a verb of `objectVerbs` is served for a kind. */
export function serves(kind: Kind, verb: string): boolean {
  const { definition } = kind;
  if (definition.withoutVerbs?.includes(verb) === true) return false;
  if (definition.listed !== undefined) return verb === 'get' || verb === 'list';
  return isStored(kind) || verb === 'create';
}
