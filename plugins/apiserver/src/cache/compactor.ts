/** Lets the store forget revisions that are older than one period: what kube-apiserver does for etcd. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { Store } from '@timonel/sdk/contracts/store';

export function startCompactor(parts: { store: Store; env: Env; log: Logger }, periodMs: number): void {
  if (periodMs === 0) return;
  const { store, env, log } = parts;
  let before: number | undefined;
  const compact = async (): Promise<void> => {
    const { revision } = await store.status();
    if (before !== undefined && before > 1) await store.compact(before);
    before = revision;
  };
  env.timers.every(periodMs, () => {
    compact().catch((error: unknown) => log.warn({}, `compacting the store failed: ${errorMessage(error)}`));
  });
}
