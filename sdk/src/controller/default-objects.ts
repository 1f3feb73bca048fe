/** Objects that a cluster has from its start on: made when they are absent, completed when they are there. */
import { errorMessage, type Env, type Logger } from '../kernel/index.ts';
import type { ApiClient } from '../contracts/api/index.ts';
import {
  isAlreadyExists,
  isConflict,
  isNotFound,
  objectKey,
  type KubeObject,
  type ResourceType,
} from '../kube/index.ts';

export interface DefaultObjectsParts {
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly fieldManager: string;
}

export interface DefaultObjects<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly wanted: readonly T[];
  /** What one that is there should be; undefined: as it is. */
  readonly completed: (found: T, wanted: T) => T | undefined;
}

const firstRetryMs = 250;
const longestRetryMs = 10_000;

async function keepOnce<T extends KubeObject>(
  { api, fieldManager }: DefaultObjectsParts,
  { type, wanted, completed }: DefaultObjects<T>,
): Promise<void> {
  const { items } = await api.list(type);
  const found = new Map(items.map((object) => [objectKey(object), object]));
  for (const object of wanted) {
    const known = found.get(objectKey(object));
    if (known === undefined) await api.create(type, object, { fieldManager });
    else {
      const next = completed(known, object);
      if (next !== undefined) await api.update(type, next, { fieldManager });
    }
  }
}

/** Resolves when they are there; tries again until then. @throws the signal's reason */
export async function keepDefaultObjects<T extends KubeObject>(
  parts: DefaultObjectsParts,
  objects: DefaultObjects<T>,
): Promise<void> {
  const { env, log, signal } = parts;
  const { resource } = objects.type;
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(2 * delayMs, longestRetryMs)) {
    try {
      return await keepOnce(parts, objects);
    } catch (error) {
      signal.throwIfAborted();
      // Somebody else was faster, or the namespace is not there yet.
      const expected = isAlreadyExists(error) || isConflict(error) || isNotFound(error);
      const fields = { resource, error: errorMessage(error), retryMs: delayMs };
      if (expected) log.debug(fields, 'default objects are made again');
      else log.warn(fields, 'default objects could not be made');
      await env.timers.sleep(delayMs, signal);
    }
  }
}
