/**
 * Makes the claims in the store equal to what the services hold: run by the leading control plane at its start and from time
 * to time. A claim without a service may be of a request on its way: it goes only after it was seen so for a while.
 */
import type { Env, Logger } from '@timonel/sdk';
import { objectKey, type Service } from '@timonel/sdk/kube';
import type { Claim, ClaimStore } from './claim-store.ts';
import { heldValues, holds, type ValueName } from './held-values.ts';

export interface RepairParts {
  readonly store: ClaimStore;
  /** As the informer shows them. */
  readonly services: () => readonly Service[];
  readonly read: (owner: string) => Promise<Service | undefined>;
  readonly env: Env;
  readonly log: Logger;
  readonly graceMs: number;
}

interface Suspect {
  readonly revision: number;
  readonly sinceMs: number;
}

export class Repair {
  readonly #parts: RepairParts;
  #suspects = new Map<ValueName, Suspect>();
  readonly #reported = new Set<ValueName>();

  constructor(parts: RepairParts) {
    this.#parts = parts;
  }

  /** `active` is asked before each write. */
  async run(active: () => boolean): Promise<void> {
    const claims = new Map((await this.#parts.store.all()).map((claim) => [claim.name, claim]));
    const holders = this.#holders();
    for (const [name, service] of holders) {
      if (!active()) return;
      await this.#ensure(name, service, claims.get(name));
    }
    const suspects = new Map<ValueName, Suspect>();
    for (const claim of claims.values()) {
      if (!active()) return;
      if (!holders.has(claim.name)) await this.#suspect(claim, suspects);
    }
    this.#suspects = suspects;
  }

  #holders(): Map<ValueName, Service> {
    const holders = new Map<ValueName, Service>();
    for (const service of this.#parts.services()) {
      for (const { name } of heldValues(service)) {
        const other = holders.get(name);
        if (other === undefined) holders.set(name, service);
        else this.#report(name, other, service);
      }
    }
    return holders;
  }

  #report(name: ValueName, first: Service, second: Service): void {
    if (this.#reported.has(name) || this.#reported.size >= 1_000) return;
    this.#reported.add(name);
    const owners = [objectKey(first), objectKey(second)];
    this.#parts.log.warn(
      { value: name, services: owners },
      'two services hold one value: delete and make anew one of them',
    );
  }

  async #ensure(name: ValueName, service: Service, claim: Claim | undefined): Promise<void> {
    const owner = objectKey(service);
    const { uid = '' } = service.metadata;
    // Of another uid it is of a request that failed, which its server settles; protected it is.
    if (claim?.owner === owner) return;
    await this.#parts.store.claim([name], { owner, uid }, claim === undefined ? [] : [claim]);
  }

  #isOld({ name, revision }: Claim): boolean {
    const { env, graceMs } = this.#parts;
    const known = this.#suspects.get(name);
    return known?.revision === revision && env.clock.monotonic() - known.sinceMs >= graceMs;
  }

  async #suspect(claim: Claim, suspects: Map<ValueName, Suspect>): Promise<void> {
    const known = this.#suspects.get(claim.name);
    const sinceMs = known?.revision === claim.revision ? known.sinceMs : this.#parts.env.clock.monotonic();
    if (!this.#isOld(claim)) {
      suspects.set(claim.name, { revision: claim.revision, sinceMs });
      return;
    }
    const service = claim.owner === '' ? undefined : await this.#parts.read(claim.owner);
    if (service !== undefined && holds(service, claim.name)) return;
    if (await this.#parts.store.release(claim)) {
      this.#parts.log.info({ value: claim.name, service: claim.owner }, 'a value that no service holds is free again');
    }
  }
}
