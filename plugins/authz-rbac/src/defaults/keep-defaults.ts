/** Makes the default roles and bindings at start, and completes those that are there. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  clusterRoleBindings,
  clusterRoles,
  isAlreadyExists,
  isConflict,
  isNotFound,
  objectKey,
  roles,
  type KubeObject,
  type ResourceType,
} from '@timonel/sdk/kube';
import {
  completedBinding,
  completedRole,
  defaultClusterRoleBindings,
  defaultClusterRoles,
  defaultRoles,
} from './default-objects.ts';

const fieldManager = 'authz-rbac';
const firstRetryMs = 250;
const longestRetryMs = 10_000;

export interface KeepParts {
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Somebody else was faster, or the namespace is not there yet: it is done again. */
async function keep<T extends KubeObject>(
  api: ApiClient,
  type: ResourceType<T>,
  wanted: readonly T[],
  completed: (found: T, wanted: T) => T | undefined,
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

async function keepAll(api: ApiClient): Promise<void> {
  await keep(api, clusterRoles, defaultClusterRoles, completedRole);
  await keep(api, clusterRoleBindings, defaultClusterRoleBindings, completedBinding);
}

async function untilDone(parts: KeepParts, work: () => Promise<void>): Promise<void> {
  const { env, log, signal } = parts;
  for (let delayMs = firstRetryMs; ; delayMs = Math.min(2 * delayMs, longestRetryMs)) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const expected = isAlreadyExists(error) || isConflict(error) || isNotFound(error);
      const fields = { error: errorMessage(error), retryMs: delayMs };
      if (expected) log.debug(fields, 'the default roles and bindings are made again');
      else log.warn(fields, 'the default roles and bindings could not be made');
      await env.timers.sleep(delayMs, signal);
    }
  }
}

/** Resolves when those of the cluster are there. */
export async function keepDefaults(parts: KeepParts): Promise<void> {
  await untilDone(parts, () => keepAll(parts.api));
  void untilDone(parts, () => keep(parts.api, roles, defaultRoles, completedRole)).catch(() => undefined);
}
