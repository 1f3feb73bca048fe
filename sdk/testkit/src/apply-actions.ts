import type { Action } from '@timonel/sdk/controller';
import { objectKey, type KubeObject, type ResourceType } from '@timonel/sdk/kube';

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7396. */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/**
 * The objects of one type after the actions of a controller, as the API would leave them; for tests of pure functions. Finalizers
 * keep no object. @throws Error when a name is taken, an object is absent, or a patch is no merge patch
 */
export function applyActions<T extends KubeObject>(
  type: ResourceType<T>,
  objects: readonly T[],
  actions: readonly Action[],
): T[] {
  const state = new Map(objects.map((object) => [objectKey(object), object]));
  for (const action of actions) {
    if (action.type !== type || !('object' in action)) continue;
    const key = objectKey(action.object);
    const present = state.get(key);
    if (action.do === 'create') {
      if (present !== undefined) throw new Error(`${type.kind} ${key} is there already`);
      const { metadata } = action.object;
      state.set(key, { ...(action.object as T), metadata: { ...metadata, uid: metadata.uid ?? `uid of ${key}` } });
      continue;
    }
    if (present === undefined) throw new Error(`there is no ${type.kind} ${key}`);
    if (action.do === 'delete') state.delete(key);
    else if (action.do === 'update') state.set(key, action.next as T);
    else if (action.do === 'status') state.set(key, { ...present, status: action.status });
    else if (action.do === 'patch') {
      if (action.patch.type !== 'merge') throw new Error('the model knows merge patches only');
      state.set(key, merged(present, action.patch.body) as T);
    }
  }
  return [...state.values()];
}
