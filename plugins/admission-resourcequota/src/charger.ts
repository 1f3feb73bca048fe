/**
 * Charges quotas for what is about to be made. Requests that come together are charged together: one write for each quota that
 * they concern. The write is refused when somebody else has charged, or taken off, since; then it is judged anew by what the API
 * shows. So the sum of what all API servers let through never exceeds a bound.
 */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { compareResourceVersions } from '@timonel/sdk/controller';
import { ApiError, isConflict, isNotFound, objectKey, resourceQuotas, type ResourceQuota } from '@timonel/sdk/kube';
import { nothing, quantitiesOf, usageOf, type Usage } from '@timonel/sdk/quota';
import { judge, type QuotaRequest } from './request.ts';

/** Rounds against other writers of one quota; then the client is asked to try again. */
const roundsLimit = 12;
/** Own writes that the cache may not show yet are remembered for so many quotas. */
const rememberedLimit = 1_000;

interface Waiter {
  readonly request: QuotaRequest;
  readonly settle: (refusal: ApiError | undefined) => void;
  refusal: ApiError | undefined;
}

export interface ChargerParts {
  readonly api: Pick<ApiClient, 'get' | 'updateStatus'>;
  /** As the cache shows them, or as the API does when there is none yet. */
  readonly quotasOf: (namespace: string) => readonly ResourceQuota[] | Promise<readonly ResourceQuota[]>;
}

function usedOf(quota: ResourceQuota): Usage {
  return quota.status?.used === undefined ? nothing : usageOf(quota.status.used);
}

function busy(name: string): ApiError {
  const message = `the quota ${name} is being charged by too many at once; please try again`;
  return new ApiError('ServiceUnavailable', message, { retryAfterSeconds: 1 });
}

export class Charger {
  readonly #parts: ChargerParts;
  readonly #waiting = new Map<string, Waiter[]>();
  /** Answers to own writes, by quota. */
  readonly #written = new Map<string, ResourceQuota>();

  constructor(parts: ChargerParts) {
    this.#parts = parts;
  }

  /** Answers the refusal, or undefined when the request is charged (or costs nothing). @throws what the API throws */
  charge(namespace: string, request: QuotaRequest): Promise<ApiError | undefined> {
    return new Promise((settle) => {
      const waiter: Waiter = { request, settle, refusal: undefined };
      const waiting = this.#waiting.get(namespace);
      if (waiting !== undefined) {
        waiting.push(waiter);
        return;
      }
      const first = [waiter];
      this.#waiting.set(namespace, first);
      void this.#serve(namespace);
    });
  }

  /** Until nobody waits. */
  async #serve(namespace: string): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(namespace) ?? [];
      if (batch.length === 0) {
        this.#waiting.delete(namespace);
        return;
      }
      this.#waiting.set(namespace, []);
      await this.#chargeAll(namespace, batch);
      for (const { settle, refusal } of batch) settle(refusal);
    }
  }

  async #chargeAll(namespace: string, batch: readonly Waiter[]): Promise<void> {
    try {
      const quotas = (await this.#parts.quotasOf(namespace)).map((quota) => this.#newest(quota));
      // Whoever is refused by one quota must not be charged in another.
      for (const quota of quotas) this.#judgeAll(quota, batch);
      for (const quota of quotas) await this.#chargeOne(quota, batch);
    } catch (error) {
      for (const waiter of batch) waiter.refusal ??= unavailable(error);
    }
  }

  /** Refuses those that do not fit; answers what is used with the others, or undefined when they cost nothing. */
  #judgeAll(quota: ResourceQuota, batch: readonly Waiter[]): Usage | undefined {
    let used = usedOf(quota);
    let isCharged = false;
    for (const waiter of batch) {
      if (waiter.refusal !== undefined) continue;
      const verdict = judge(quota, used, waiter.request);
      if (verdict.kind === 'refused') waiter.refusal = verdict.error;
      if (verdict.kind !== 'charged') continue;
      if (waiter.request.context.dryRun) continue;
      used = verdict.used;
      isCharged = true;
    }
    return isCharged ? used : undefined;
  }

  async #chargeOne(quota: ResourceQuota, batch: readonly Waiter[]): Promise<void> {
    let current = quota;
    for (let round = 0; round < roundsLimit; round += 1) {
      const used = this.#judgeAll(current, batch);
      if (used === undefined) return;
      const status = { ...current.status, used: quantitiesOf(used) };
      try {
        this.#remember(await this.#parts.api.updateStatus(resourceQuotas, { ...current, status }));
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error)) throw error;
      }
      const { namespace, name = '' } = quota.metadata;
      try {
        current = await this.#parts.api.get(resourceQuotas, { namespace, name });
      } catch (error) {
        if (isNotFound(error)) return;
        throw error;
      }
    }
    for (const waiter of batch) {
      if (judge(current, usedOf(current), waiter.request).kind === 'charged')
        waiter.refusal ??= busy(quota.metadata.name ?? '');
    }
  }

  /** The answer to an own write, where the cache does not show it yet. */
  #newest(quota: ResourceQuota): ResourceQuota {
    const key = objectKey(quota);
    const own = this.#written.get(key);
    if (own === undefined) return quota;
    const isNewer = compareResourceVersions(own.metadata.resourceVersion, quota.metadata.resourceVersion) > 0;
    if (isNewer && own.metadata.uid === quota.metadata.uid) return own;
    this.#written.delete(key);
    return quota;
  }

  #remember(quota: ResourceQuota): void {
    const key = objectKey(quota);
    this.#written.delete(key);
    this.#written.set(key, quota);
    if (this.#written.size <= rememberedLimit) return;
    const { value: oldest, done } = this.#written.keys().next();
    if (done !== true) this.#written.delete(oldest);
  }
}

/** The refusal of a request that cannot be judged: nobody is at fault. */
function unavailable(error: unknown): ApiError {
  const message = 'the quotas of the namespace cannot be charged at the moment; please try again';
  return new ApiError('ServiceUnavailable', message, { retryAfterSeconds: 1 }, { cause: error });
}
