/** Judges and completes services under admission: by what is known here first, then by a claim in the store. */
import { errorCode, type Env } from '@timonel/sdk';
import { refuse, type AdmissionContext } from '@timonel/sdk/contracts/api-server';
import { isApiAbsent } from '@timonel/sdk/controller';
import { ApiError, type FieldError, type Service } from '@timonel/sdk/kube';
import type { Allocation, Pick } from './allocation.ts';
import type { Claims } from './claims.ts';
import { heldValues, holds } from './held-values.ts';

/** Below the deadline of the hooks: a store that does not answer is no fault of this plugin. */
const limitMs = 1_700;
/** So often values are picked that requests at other servers turn out to have. */
const roundsLimit = 16;

export interface AllocatorParts {
  readonly allocation: Allocation;
  readonly claims: { claim: Claims['claim'] };
  /** Resolves when the services of the cluster are known. */
  readonly synced: Promise<void>;
  readonly env: Env;
}

/** One service that is being filled in: what is picked and not claimed yet. */
interface Filling {
  picks: Pick[];
  isOver: boolean;
}

class NotInTime extends Error {
  readonly code = 'NOT_IN_TIME';
}

const ownerOf = ({ namespace = '', name }: AdmissionContext): string => `${namespace}/${name}`;

function isAbsence(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'NOT_IN_TIME' || code === 'UNAVAILABLE' || code === 'STOPPED' || isApiAbsent(error);
}

function cannotAllocate(): readonly FieldError[] {
  const message = 'addresses and ports cannot be allocated at the moment: the store does not answer; please try again';
  return [refuse(new ApiError('ServiceUnavailable', message, { retryAfterSeconds: 1 }))];
}

export class Allocator {
  readonly #parts: AllocatorParts;

  constructor(parts: AllocatorParts) {
    this.#parts = parts;
  }

  /** Fills in what the user left out. What cannot be had stays empty: {@link problems} finds it, and says why. */
  async fill(service: Service, context: AdmissionContext): Promise<void> {
    const filling: Filling = { picks: [], isOver: false };
    try {
      await this.#inTime(this.#fill(service, context, filling));
    } catch (error) {
      if (!isAbsence(error)) throw error;
      // Nobody knows whether they could be had: the user must not be told that a value of his was taken.
      filling.isOver = true;
      for (const pick of filling.picks) pick.reject();
    }
  }

  /** Findings. None: what the service holds is claimed, unless it is a dry run. */
  async problems(service: Service, context: AdmissionContext): Promise<readonly FieldError[]> {
    try {
      return await this.#inTime(this.#problems(service, context));
    } catch (error) {
      if (!isAbsence(error)) throw error;
      return cannotAllocate();
    }
  }

  async #fill(service: Service, context: AdmissionContext, filling: Filling): Promise<void> {
    const { allocation, claims, synced } = this.#parts;
    await synced;
    const claimant = { owner: ownerOf(context), uid: service.metadata.uid ?? '' };
    for (let round = 0; round < roundsLimit && !filling.isOver; round += 1) {
      // Claims are for all or none: what was picked beside a value that was taken is still to be claimed.
      filling.picks.push(...allocation.fill(service, context.oldObject as Service | undefined));
      if (filling.picks.length === 0 || context.dryRun) return;
      const names = filling.picks.map(({ name }) => name);
      const taken = await claims.claim(names, claimant, false);
      if (filling.isOver) return;
      const rejected = filling.picks.filter(({ name }) => taken.includes(name));
      filling.picks = taken.length === 0 ? [] : filling.picks.filter((pick) => !rejected.includes(pick));
      if (taken.length === 0) return;
      for (const pick of rejected) pick.reject();
    }
  }

  async #problems(service: Service, context: AdmissionContext): Promise<readonly FieldError[]> {
    const { allocation, claims, synced } = this.#parts;
    await synced;
    const owner = ownerOf(context);
    const old = context.oldObject as Service | undefined;
    const found = allocation.problems(service, owner, old);
    // What there is was not to be had: nobody could be asked when it was to be filled in.
    if (found.length > 0) return allocation.canFill(service) ? cannotAllocate() : found;
    if (context.dryRun) return [];
    const values = heldValues(service).filter(({ name }) => old === undefined || !holds(old, name));
    const names = values.map(({ name }) => name);
    const taken = await claims.claim(names, { owner, uid: service.metadata.uid ?? '' }, true);
    return values.filter(({ name }) => taken.includes(name)).map((value) => value.taken);
  }

  /** What is cut off goes on in the background; what it claims is settled like the claims of any failed request. */
  #inTime<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#parts.env.timers.after(limitMs, () =>
        reject(new NotInTime('the store did not answer in time')),
      );
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
