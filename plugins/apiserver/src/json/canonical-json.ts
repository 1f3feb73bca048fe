/** JSON with the members of objects in order: equal values have equal texts. */
import { isJsonObject, own } from './plain-json.ts';

export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value) ?? 'null';
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(own(value, key))}`);
  return `{${members.join(',')}}`;
}
