/** JSON Patch (RFC 6902). Paths that lead to a prototype are refused. */
import fastJsonPatch from 'fast-json-patch';
import { errorMessage } from '@timonel/sdk';
import { ApiError } from '@timonel/sdk/kube';
import { isJsonObject, type JsonObject } from '../json/plain-json.ts';
import { badRequest } from '../registry/api-errors.ts';

const operationsLimit = 10_000;

/** @throws ApiError BadRequest for a malformed patch, Invalid for one that does not fit the object. */
export function jsonPatch(target: JsonObject, patch: unknown): JsonObject {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be an array of operations');
  if (patch.length > operationsLimit) {
    throw new ApiError(
      'RequestEntityTooLarge',
      `a JSON patch may have at most ${operationsLimit} operations, not ${patch.length}`,
    );
  }
  for (const operation of patch) {
    if (!isJsonObject(operation) || typeof operation['op'] !== 'string' || typeof operation['path'] !== 'string') {
      throw badRequest('every operation of a JSON patch needs "op" and "path"');
    }
  }
  try {
    const document = fastJsonPatch.applyPatch(target, patch as fastJsonPatch.Operation[], true, true, true).newDocument;
    if (!isJsonObject(document)) throw new TypeError('the result is not an object');
    return document;
  } catch (error) {
    // The library's messages hold the whole document behind the first line.
    const [line] = errorMessage(error).split('\n');
    throw new ApiError('Invalid', `the server rejected our request due to an error in our request: ${line}`);
  }
}
