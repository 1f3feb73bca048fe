/**
 * Charges quotas for what is about to be made. Requests that come together are charged together: one write for each quota that
 * they concern. The write is refused when somebody else has charged, or taken off, since; then it is judged anew by what the API
 * shows. So the sum of what all API servers let through never exceeds a bound.
 */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { compareResourceVersions } from '@timonel/sdk/controller';
import { ApiError, isConflict, isNotFound, objectKey, resourceQuotas, type ResourceQuota } from '@timonel/sdk/kube';
import { nothing, quantitiesOf, usageOf, type Usage } from '@timonel/sdk/quota';
import { judge, usedWithout, type QuotaRequest } from './request.ts';

/** Rounds against other writers of one quota; then the client is asked to try again. */
const roundsLimit = 12;
/** Own writes that the cache may not show yet are remembered for so many quotas. */
const rememberedLimit = 1_000;

interface Waiter {
  readonly request: QuotaRequest;
  readonly settle: (refusal: ApiError | undefined) => void;
  refusal: ApiError | undefined;
  /** It was charged, and is to be given back as long as this answers true. */
  readonly gives?: () => boolean;
}

/** Of one quota. */
interface Judged {
  readonly used: Usage;
  /** Whose charges are new in it, and who gives back. */
  readonly charged: readonly Waiter[];
  readonly given: readonly Waiter[];
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
  /** Uids of the quotas in which a request is charged. */
  readonly #chargedIn = new WeakMap<QuotaRequest, Set<string>>();

  constructor(parts: ChargerParts) {
    this.#parts = parts;
  }

  /** Answers the refusal, or undefined when the request is charged (or costs nothing). @throws what the API throws */
  charge(namespace: string, request: QuotaRequest): Promise<ApiError | undefined> {
    return this.#wait(namespace, { request });
  }

  /**
   * Gives back what the request was charged in each quota: nothing came of it. `inTime` is asked about each state of the quota that is
   * to be changed, after it was read: somebody else may have given it back since. Answers when that is done or has failed.
   */
  async giveBack(namespace: string, request: QuotaRequest, inTime: () => boolean): Promise<void> {
    if (this.#chargedIn.has(request)) await this.#wait(namespace, { request, gives: inTime });
  }

  #wait(namespace: string, given: Pick<Waiter, 'request' | 'gives'>): Promise<ApiError | undefined> {
    return new Promise((settle) => {
      const waiter: Waiter = { ...given, settle, refusal: undefined };
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

  #isChargedIn({ metadata: { uid = '' } }: ResourceQuota, request: QuotaRequest): boolean {
    return this.#chargedIn.get(request)?.has(uid) === true;
  }

  /** Refuses those that do not fit; answers what is used with the others, or undefined when that is the same. */
  #judgeAll(quota: ResourceQuota, batch: readonly Waiter[]): Judged | undefined {
    const given = batch.filter(({ gives, request }) => gives?.() === true && this.#isChargedIn(quota, request));
    const charged: Waiter[] = [];
    let used = usedOf(quota);
    for (const { request } of given) used = usedWithout(quota, used, request);
    for (const waiter of batch) {
      if (waiter.refusal !== undefined || waiter.gives !== undefined) continue;
      const verdict = judge(quota, used, waiter.request);
      if (verdict.kind === 'refused') waiter.refusal = verdict.error;
      if (verdict.kind !== 'charged') continue;
      if (waiter.request.context.dryRun) continue;
      used = verdict.used;
      charged.push(waiter);
    }
    return charged.length + given.length > 0 ? { used, charged, given } : undefined;
  }

  async #chargeOne(quota: ResourceQuota, batch: readonly Waiter[]): Promise<void> {
    let current = quota;
    for (let round = 0; round < roundsLimit; round += 1) {
      const judged = this.#judgeAll(current, batch);
      if (judged === undefined) return;
      const status = { ...current.status, used: quantitiesOf(judged.used) };
      try {
        this.#remember(await this.#parts.api.updateStatus(resourceQuotas, { ...current, status }));
        this.#note(current, judged);
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
      if (waiter.gives === undefined && judge(current, usedOf(current), waiter.request).kind === 'charged')
        waiter.refusal ??= busy(quota.metadata.name ?? '');
    }
  }

  #note({ metadata: { uid = '' } }: ResourceQuota, { charged, given }: Judged): void {
    for (const { request } of given) this.#chargedIn.get(request)?.delete(uid);
    for (const { request } of charged) {
      const uids = this.#chargedIn.get(request) ?? new Set();
      this.#chargedIn.set(request, uids.add(uid));
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
