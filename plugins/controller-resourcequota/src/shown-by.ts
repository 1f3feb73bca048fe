/** Whether a cache shows all that the API does at this moment, in one namespace. */
import type { Env } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { listPages, type Informer } from '@timonel/sdk/controller';
import { objectKey, type KubeObject } from '@timonel/sdk/kube';

const pageLimit = 500;
/** A cache that lags more is asked about again later. */
const waitMs = 300;

interface Asked {
  readonly api: ApiClient;
  readonly env: Env;
  readonly namespace: string;
}

/** Resolves at the latest after `waitMs`. */
async function soon(env: Env, event: Promise<void>): Promise<void> {
  const cut = new AbortController();
  const limit = env.timers.sleep(waitMs, cut.signal).catch(() => undefined);
  await Promise.race([event, limit]);
  cut.abort();
}

/**
 * Up to which version it does; undefined: it does not. A cache of which nothing changes is not told newer versions for a minute, and one
 * of which much changes is never quite the same as a list: so either will do.
 */
export async function shownBy(
  cache: Informer<KubeObject>,
  { api, env, namespace }: Asked,
): Promise<string | undefined> {
  const { version, objects } = await listPages(api, cache.type, { namespace, limit: pageLimit }, () => undefined);
  if (version === undefined) return undefined;
  const cached = cache.byIndex('namespace', namespace);
  const isListed = (object: KubeObject): boolean => {
    const listed = objects.get(objectKey(object))?.metadata;
    const { uid, resourceVersion } = object.metadata;
    return listed?.uid === uid && listed?.resourceVersion === resourceVersion;
  };
  if (cached.length === objects.size && cached.every(isListed)) return version;
  await soon(env, cache.whenSeen(version));
  return cache.hasSeen(version) ? version : undefined;
}
