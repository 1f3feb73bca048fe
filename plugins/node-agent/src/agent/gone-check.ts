/**
 * Makes sure that a pod is gone before it is killed. A list without it may come from a server that lost its state, or from
 * another cluster; a watch that tells of a deletion may not. Only an answer that is not older than all that was seen before
 * counts, and it is asked for until it comes: pods outlive servers that are away.
 */
import { errorMessage, type Env, type Logger, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { compareResourceVersions } from '@timonel/sdk/controller';
import { pods, type Pod } from '@timonel/sdk/kube';

export interface PodIdentity {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface GoneCheckOptions {
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  /** The newest version of the API that this node has seen; empty: none. */
  readonly newestSeen: () => string;
}

const firstRetryMs = 500;
const longestRetryMs = 5000;

interface Check {
  timer: TimerHandle | undefined;
  retryMs: number;
}

export class GoneCheck {
  readonly #options: GoneCheckOptions;
  readonly #running = new Map<string, Check>();
  #closed = false;

  constructor(options: GoneCheckOptions) {
    this.#options = options;
  }

  /** Calls `settle` once: with the pod as it is, or with undefined when it is gone. A second call for a pod under check does nothing. */
  begin(pod: PodIdentity, settle: (found: Pod | undefined) => void): void {
    if (this.#closed || this.#running.has(pod.uid)) return;
    const check: Check = { timer: undefined, retryMs: firstRetryMs };
    this.#running.set(pod.uid, check);
    void this.#ask(pod, check, settle);
  }

  close(): void {
    this.#closed = true;
    for (const { timer } of this.#running.values()) timer?.cancel();
    this.#running.clear();
  }

  async #ask(pod: PodIdentity, check: Check, settle: (found: Pod | undefined) => void): Promise<void> {
    const { api, env, log, newestSeen } = this.#options;
    const { namespace, name, uid } = pod;
    const seen = newestSeen();
    try {
      const list = await api.list(pods, { namespace, fieldSelector: `metadata.name=${name}` });
      if (this.#closed) return;
      const { resourceVersion = '' } = list.metadata;
      const found = list.items.find((item) => item.metadata.uid === uid);
      if (found !== undefined || seen === '' || compareResourceVersions(resourceVersion, seen) >= 0) {
        this.#running.delete(uid);
        settle(found);
        return;
      }
      log.warn(
        { pod: name, namespace, resourceVersion, seen },
        'the API does not know this pod, but its state is older than what this node has seen: the pod is kept',
      );
    } catch (error) {
      log.debug({ pod: name, namespace, error: errorMessage(error) }, 'not known whether the pod is gone, will retry');
    }
    if (this.#closed) return;
    check.timer = env.timers.after(check.retryMs, () => void this.#ask(pod, check, settle));
    check.retryMs = Math.min(check.retryMs * 2, longestRetryMs);
  }
}
