/** JSON Merge Patch (RFC 7396). */
import { copyJson, isJsonObject, own, setOwn, type JsonObject } from '../json/plain-json.ts';

/** Changes `target` in place where it is an object; returns the result. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return copyJson(patch);
  const result: JsonObject = isJsonObject(target) ? target : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else setOwn(result, key, mergePatch(own(result, key), value));
  }
  return result;
}
