/** Writes what the scheduler decided about the volumes of a pod, and waits until they are bound. */
import { errorMessage, type Timers } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { success, type Status } from '@timonel/sdk/contracts/scheduler';
import type { Informer } from '@timonel/sdk/controller';
import {
  apiErrorReason,
  objectKey,
  persistentVolumeClaims,
  persistentVolumes,
  type PersistentVolume,
  type PersistentVolumeClaim,
} from '@timonel/sdk/kube';
import type { VolumeBinder, VolumePlan } from '@timonel/sdk/scheduling/rules';
import { givenTo, isFullyBound, selectedNode } from '@timonel/sdk/volumes';
import { ClaimWatch } from './claim-watch.ts';

type Claim = PersistentVolumeClaim;

export interface BinderMeans {
  readonly api: ApiClient;
  readonly claims: Informer<Claim>;
  readonly timers: Timers;
  /** How long volumes may take to be made and bound. */
  readonly limitMs: number;
  /** How long a pod waits for a claim that another pod has provided for. */
  readonly othersLimitMs: number;
  readonly fieldManager: string;
}

function refused(reasonCode: string, reason: string): Status {
  return { code: 'unschedulable', reasonCode, reason };
}

const nameOf = ({ metadata }: Claim | PersistentVolume): string => metadata.name ?? '';

export class ClaimBinder implements VolumeBinder {
  readonly #means: BinderMeans;
  readonly #watch: ClaimWatch;
  readonly #closed = new AbortController();

  constructor(means: BinderMeans) {
    this.#means = means;
    this.#watch = new ClaimWatch(means.claims);
  }

  async bind(plan: VolumePlan, signal: AbortSignal): Promise<Status> {
    const stop = AbortSignal.any([signal, this.#closed.signal]);
    try {
      await this.#means.claims.synced;
      await this.#write(plan);
      return await this.#allBound(plan, stop);
    } catch (error) {
      // What is no answer of the API is a fault.
      if (!stop.aborted && apiErrorReason(error) === undefined) throw error;
      return refused(
        'volumes-not-bound',
        stop.aborted ? 'its volumes are not waited for any more' : errorMessage(error),
      );
    }
  }

  /** Nobody waits any more: the pods are placed anew. */
  close(): void {
    this.#closed.abort();
  }

  /** Each write is fenced by what the decision was made upon. */
  async #write({ given, made, nodeName }: VolumePlan): Promise<void> {
    const { api, fieldManager, claims } = this.#means;
    for (const { volume, claim } of given) {
      const isGiven = volume.spec?.claimRef?.uid === claim.metadata.uid;
      if (!isGiven) await api.update(persistentVolumes, givenTo(volume, claim), { fieldManager });
    }
    for (const { metadata } of made) {
      const { namespace, name = '', resourceVersion } = metadata;
      const body = { metadata: { resourceVersion, annotations: { [selectedNode]: nodeName } } };
      const written = await api.patch(
        persistentVolumeClaims,
        { namespace, name },
        { type: 'merge', body },
        { fieldManager },
      );
      await claims.whenSeen(written.metadata.resourceVersion ?? '');
    }
  }

  /** The first refusal ends the wait for the others. */
  async #allBound(plan: VolumePlan, signal: AbortSignal): Promise<Status> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    let refusal: Status | undefined;
    const wait = async (claim: Claim): Promise<void> => {
      try {
        const status = await this.#bound(claim, plan, either);
        if (status.code === 'success') return;
        refusal ??= status;
        over.abort();
      } catch (error) {
        if (refusal === undefined) throw error;
      }
    };
    await Promise.all(plan.unbound.map(wait));
    return refusal ?? success;
  }

  async #bound(claim: Claim, plan: VolumePlan, signal: AbortSignal): Promise<Status> {
    const { timers, limitMs, othersLimitMs } = this.#means;
    const isIn = (list: readonly Claim[]): boolean => list.some(({ metadata }) => metadata.uid === claim.metadata.uid);
    const isMade = isIn(plan.made);
    const isOwn = isMade || isIn(plan.given.map((entry) => entry.claim));
    const ms = isOwn ? limitMs : othersLimitMs;
    const late = new AbortController();
    const timer = timers.after(ms, () => late.abort());
    const either = AbortSignal.any([signal, late.signal]);
    try {
      return await this.#watch.until(objectKey(claim), (now) => this.#endOf(claim, now, isMade, plan.nodeName), either);
    } catch (error) {
      if (!late.signal.aborted) throw error;
      return refused('volume-late', `claim ${nameOf(claim)} was not bound within ${ms / 1000} s`);
    } finally {
      timer.cancel();
    }
  }

  /** Undefined: it is not over yet. */
  #endOf(claim: Claim, now: Claim | undefined, isMade: boolean, nodeName: string): Status | undefined {
    const name = nameOf(claim);
    if (now === undefined || now.metadata.uid !== claim.metadata.uid)
      return refused('claim-gone', `claim ${name} is gone`);
    if (isFullyBound(now)) return success;
    if (!isMade || now.metadata.annotations?.[selectedNode] === nodeName) return undefined;
    return refused('provisioning-failed', `no volume could be made for claim ${name} on node ${nodeName}`);
  }
}
