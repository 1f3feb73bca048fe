/** FieldsV1 as clients send it. What the server itself wrote is a {@link FieldSet} as it is. */
import { isJsonObject } from '../json/plain-json.ts';
import { emptySet, isEmpty, selfMark, type FieldSet, type GrowingSet } from './field-set.ts';
import { canonicalElement } from './path-element.ts';

/** Undefined: it is no set of fields. The body that it came in bounds its size and depth. */
export function parseFieldsV1(value: unknown): FieldSet | undefined {
  if (!isJsonObject(value)) return undefined;
  const set: GrowingSet = {};
  for (const [element, below] of Object.entries(value)) {
    if (element === selfMark) {
      if (!isJsonObject(below) || !isEmpty(below as unknown as FieldSet)) return undefined;
      set[selfMark] = emptySet;
      continue;
    }
    const canonical = canonicalElement(element);
    const node = canonical === undefined ? undefined : parseFieldsV1(below);
    if (canonical === undefined || node === undefined) return undefined;
    set[canonical] = node;
  }
  // A path with nothing below it needs no mark.
  return selfMark in set && Object.keys(set).length === 1 ? emptySet : set;
}
