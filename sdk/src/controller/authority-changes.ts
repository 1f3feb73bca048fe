/** Keys to work on when the authorities that vouch for the API server are others than before. */
import type { ApiEndpoint } from '../contracts/api-server/index.ts';
import type { Env } from '../kernel/index.ts';
import type { KubeObject } from '../kube/index.ts';
import type { KeySource } from './controller.ts';
import type { Informer } from './informer.ts';

const periodMs = 10_000;

/** All keys of the informer's objects, each time that `endpoint.caCertificate()` answers something else. */
export function keysOfAuthorityChanges<T extends KubeObject>(
  env: Env,
  endpoint: Pick<ApiEndpoint, 'caCertificate'>,
  informer: Informer<T>,
  keyOf: (object: T) => string,
): KeySource {
  return {
    connect(add) {
      let known = endpoint.caCertificate();
      const timer = env.timers.every(periodMs, () => {
        const now = endpoint.caCertificate();
        if (now === known) return;
        known = now;
        for (const object of informer.list()) add(keyOf(object));
      });
      return () => timer.cancel();
    },
    *all() {
      // Those of the cache come from the informer's own source.
    },
  };
}
