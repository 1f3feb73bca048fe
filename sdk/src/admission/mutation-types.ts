/** The types that mutations make: `Object`, parts of it such as `Object.spec.template`, and `JSONPatch`. */
import { CelList, CelMap, CelObject, dynType, listType, objectType, stringType, unescapeName } from '../cel/index.ts';
import type { CelObjectType, CelType, CelValue } from '../cel/index.ts';

const root = 'Object';
/** Which fields there are is known only when the object is. */
export const applyConfigurationType: CelObjectType = objectType(root);
const operationType = objectType('JSONPatch', { op: stringType, path: stringType, from: stringType, value: dynType });
export const jsonPatchType: CelType = listType(operationType);

export function mutationType(name: string): CelType | undefined {
  if (name === operationType.name) return operationType;
  return name === root || name.startsWith(`${root}.`) ? objectType(name) : undefined;
}

/** A part that stands where its type does not belong; undefined: each is in its place. */
export function misplacedPart(value: CelValue, path: string = root): string | undefined {
  if (value instanceof CelList) return firstMisplaced(value.values(), () => path);
  if (value instanceof CelMap)
    return firstMisplaced(
      value.keys().map((key) => value.get(key) ?? null),
      () => path,
    );
  if (!(value instanceof CelObject)) return undefined;
  if (value.type.name !== path)
    return `unexpected type name ${JSON.stringify(value.type.name)}, expected ${JSON.stringify(path)}, which matches field name path from root Object type`;
  const fields = value.fields();
  return firstMisplaced(
    fields.map((field) => value.get(field) ?? null),
    (index) => `${path}.${unescapeName(fields[index] ?? '')}`,
  );
}

function firstMisplaced(values: readonly CelValue[], pathOf: (index: number) => string): string | undefined {
  for (const [index, value] of values.entries()) {
    const found = misplacedPart(value, pathOf(index));
    if (found !== undefined) return found;
  }
  return undefined;
}
