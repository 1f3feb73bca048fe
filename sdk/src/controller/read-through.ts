/** Reading what admission needs to know: from a cache, and from the API itself where the cache may only lag. */
import type { ApiClient, ObjectName } from '../contracts/api/index.ts';
import type { Env } from '../kernel/index.ts';
import { ApiError, isNotFound, objectKey, type KubeObject } from '../kube/index.ts';
import type { Informer } from './informer.ts';

/** Below the deadline of the admission hooks: an API that does not answer is no fault of the plugin that asks. */
export const admissionReadLimitMs = 1_700;

/** The answer of `call`, if it comes in time. @throws ApiError Timeout, and what the call throws */
export async function inReadLimit<T>(env: Env, call: Promise<T>, limitMs: number = admissionReadLimitMs): Promise<T> {
  const cut = new AbortController();
  const limit = env.timers.sleep(limitMs, cut.signal).then(() => {
    throw new ApiError('Timeout', `the API did not answer within ${limitMs} ms`);
  });
  try {
    return await Promise.race([call, limit]);
  } finally {
    cut.abort();
    limit.catch(() => undefined);
    call.catch(() => undefined);
  }
}

/** The object as the cache shows it; if it does not, as the API does. Undefined: there is none. @throws as {@link inReadLimit} */
export async function readThrough<T extends KubeObject>(
  informer: Pick<Informer<T>, 'get' | 'type'>,
  api: Pick<ApiClient, 'get'>,
  env: Env,
  name: ObjectName,
): Promise<T | undefined> {
  const cached = informer.get(objectKey({ metadata: { ...name, namespace: name.namespace ?? '' } }));
  if (cached !== undefined) return cached;
  try {
    return await inReadLimit(env, api.get(informer.type, name));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
