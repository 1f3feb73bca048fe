/** JSON Patch (RFC 6902). Paths that lead to a prototype are refused. */
import fastJsonPatch from 'fast-json-patch';
import { errorMessage } from '@timonel/sdk';
import { ApiError, apiErrorReason } from '@timonel/sdk/kube';
import { isJsonObject, type JsonObject } from '../json/plain-json.ts';
import { badRequest } from '../registry/api-errors.ts';

const operationsLimit = 10_000;
/** What all copies of a patch may add up to: each may double the object. */
const copiedLimitBytes = 3 * 1024 * 1024;

/** The size of what the operation copies. */
function copiedBytes(target: JsonObject, operation: fastJsonPatch.Operation): number {
  if (operation.op !== 'copy') return 0;
  const value: unknown = fastJsonPatch.getValueByPointer(target, operation.from);
  return JSON.stringify(value)?.length ?? 0;
}

function applyOperations(target: JsonObject, operations: readonly fastJsonPatch.Operation[]): unknown {
  let document = target;
  let copied = 0;
  for (const [index, operation] of operations.entries()) {
    copied += copiedBytes(document, operation);
    if (copied > copiedLimitBytes) {
      throw new ApiError('RequestEntityTooLarge', `a JSON patch may copy at most ${copiedLimitBytes} bytes`);
    }
    document = fastJsonPatch.applyOperation(document, operation, true, true, true, index).newDocument;
  }
  return document;
}

/** The library takes anything as `from`, and then moves what is not there. @throws ApiError BadRequest */
function checkPointers(operation: JsonObject): void {
  const needsSource = operation['op'] === 'move' || operation['op'] === 'copy';
  for (const name of needsSource ? ['path', 'from'] : ['path']) {
    const pointer = operation[name];
    if (typeof pointer === 'string' && /^(?:\/|$)/.test(pointer)) continue;
    throw badRequest(`"${name}" of an operation of a JSON patch must be a pointer, such as /spec/replicas`);
  }
}

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
    checkPointers(operation);
  }
  try {
    const document = applyOperations(target, patch as fastJsonPatch.Operation[]);
    if (!isJsonObject(document)) throw new TypeError('the result is not an object');
    return document;
  } catch (error) {
    if (apiErrorReason(error) !== undefined) throw error;
    // The library's messages hold the whole document behind the first line.
    const [line] = errorMessage(error).split('\n');
    throw new ApiError('Invalid', `the server rejected our request due to an error in our request: ${line}`);
  }
}
