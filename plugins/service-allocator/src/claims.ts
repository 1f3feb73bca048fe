/** Claims values for the requests of this process, and looks after those whose requests came to nothing. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { Service } from '@timonel/sdk/kube';
import { ClaimStore, type Claim, type Claimant } from './claim-store.ts';
import { heldValues, holds, type ValueName } from './held-values.ts';
import type { ReleasedValues } from './released-values.ts';

export interface ClaimsParts {
  readonly store: ClaimStore;
  readonly released: ReleasedValues;
  /** The service as it is now, linearizably. Undefined: there is none. */
  readonly read: (owner: string) => Promise<Service | undefined>;
  readonly env: Env;
  readonly log: Logger;
}

interface OwnClaim extends Claim {
  readonly atMs: number;
}

/** So long a request may be on its way into the store. */
const requestLimitMs = 30_000;
const settlePeriodMs = 10_000;
/** So long a request waits for the claim of a service that is gone to go, too. */
const patienceMs = 1_000;
const lookAgainMs = 50;
const attemptsLimit = 8;
const ownLimit = 10_000;

export class Claims {
  readonly #parts: ClaimsParts;
  /** Made here, and not yet seen in a service. */
  readonly #own = new Map<ValueName, OwnClaim>();

  constructor(parts: ClaimsParts) {
    this.#parts = parts;
  }

  start(): void {
    const { env, log } = this.#parts;
    env.timers.every(settlePeriodMs, () => {
      this.settle().catch((error: unknown) =>
        log.debug({ error: errorMessage(error) }, 'claims will be settled later'),
      );
    });
  }

  /**
   * Claims the values, and answers those that belong to other services: they are not claimed then. `patient`: the user wants
   * these very values, so that it is worth while to wait for a claim whose service has gone.
   */
  async claim(names: readonly ValueName[], claimant: Claimant, patient: boolean): Promise<ValueName[]> {
    const wanted = names.filter((name) => this.#own.get(name)?.uid !== claimant.uid);
    const taken: ValueName[] = [];
    for (let from = 0; from < wanted.length; from += ClaimStore.limit) {
      taken.push(...(await this.#claimSome(wanted.slice(from, from + ClaimStore.limit), claimant, patient)));
    }
    return taken;
  }

  /** A service has come to hold its values: they are no request any more. */
  confirm(service: Service): void {
    if (this.#own.size === 0) return;
    for (const { name } of heldValues(service)) {
      if (this.#own.get(name)?.uid === service.metadata.uid) this.#own.delete(name);
    }
  }

  /** Releases the claims of requests that failed. Also called by a timer. */
  async settle(): Promise<void> {
    const oldest = this.#parts.env.clock.monotonic() - requestLimitMs;
    for (const claim of Array.from(this.#own.values())) {
      if (claim.atMs > oldest) continue;
      await this.#settleOne(claim);
      if (this.#own.get(claim.name) === claim) this.#own.delete(claim.name);
    }
  }

  async #settleOne(claim: OwnClaim): Promise<void> {
    const { store, read } = this.#parts;
    const service = await read(claim.owner);
    const uid = service?.metadata.uid ?? '';
    if (service === undefined || !holds(service, claim.name)) await store.release(claim);
    // Another service of that name was there before.
    else if (uid !== claim.uid) await store.claim([claim.name], { owner: claim.owner, uid }, [claim]);
  }

  async #claimSome(names: readonly ValueName[], claimant: Claimant, patient: boolean): Promise<ValueName[]> {
    const { env, released, store } = this.#parts;
    const untilMs = env.clock.monotonic() + patienceMs;
    let expected: readonly Claim[] = [];
    for (let attempt = 0; attempt < attemptsLimit;) {
      const result = await store.claim(names, claimant, expected);
      if (result.done) {
        this.#remember(names, claimant, result.revision);
        return [];
      }
      const isReplaceable = (claim: Claim): boolean =>
        claim.owner === '' || claim.owner === claimant.owner || released.isLeftOver(claim);
      const others = result.found.filter((claim) => !isReplaceable(claim));
      expected = result.found.filter(isReplaceable);
      if (others.length === 0) {
        attempt += 1;
        continue;
      }
      const held = patient ? await this.#stillHeld(others) : others;
      if (held.length > 0) return held.map(({ name }) => name);
      if (env.clock.monotonic() >= untilMs) return others.map(({ name }) => name);
      await env.timers.sleep(lookAgainMs);
    }
    return [...names];
  }

  async #stillHeld(claims: readonly Claim[]): Promise<Claim[]> {
    const held: Claim[] = [];
    for (const claim of claims) {
      const service = await this.#parts.read(claim.owner);
      if (service !== undefined && holds(service, claim.name)) held.push(claim);
    }
    return held;
  }

  #remember(names: readonly ValueName[], claimant: Claimant, revision: number): void {
    const atMs = this.#parts.env.clock.monotonic();
    for (const name of names) {
      // What does not fit is released by the leader's repair.
      if (this.#own.size < ownLimit) this.#own.set(name, { ...claimant, name, revision, atMs });
    }
  }
}
