/**
 * Makes the claims in the store equal to what the services hold: run by the leading control plane at its start and from time
 * to time. A claim without a service may be of a request on its way: it goes only after it was seen so for a while.
 */
import type { Env, Logger } from '@timonel/sdk';
import { objectKey, type Service } from '@timonel/sdk/kube';
import type { Claim, ClaimStore } from './claim-store.ts';
import { heldValues, holds, type ValueName } from './held-values.ts';
import { repairWords, type Finding, type RepairEvent } from './repair-words.ts';

export interface RepairParts {
  readonly store: ClaimStore;
  /** As the informer shows them. */
  readonly services: () => readonly Service[];
  readonly read: (owner: string) => Promise<Service | undefined>;
  readonly env: Env;
  readonly log: Logger;
  readonly graceMs: number;
  /** Whether the value is of the ranges that values are given from. */
  readonly inRange: (name: ValueName) => boolean;
  /** Tells people of what was found about the service. */
  readonly tell: (service: Service, event: RepairEvent) => void;
}

const reportsLimit = 1_000;

interface Suspect {
  readonly revision: number;
  readonly sinceMs: number;
}

export class Repair {
  readonly #parts: RepairParts;
  #suspects = new Map<ValueName, Suspect>();
  /** What was told: it is told once. */
  readonly #reported = new Set<string>();

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

  /** Of two services with one value, as a restore may leave them, the elder one is the holder. */
  #holders(): Map<ValueName, Service> {
    const holders = new Map<ValueName, Service>();
    const age = ({ metadata }: Service): string => `${metadata.creationTimestamp ?? ''} ${metadata.uid ?? ''}`;
    const eldestFirst = this.#parts.services().toSorted((a, b) => (age(a) < age(b) ? -1 : 1));
    for (const service of eldestFirst) {
      for (const { name } of heldValues(service)) {
        if (!this.#parts.inRange(name)) this.#report('out-of-range', name, service);
        const other = holders.get(name);
        if (other === undefined) holders.set(name, service);
        else if (other !== service) this.#report('duplicate', name, service, other);
      }
    }
    return holders;
  }

  #report(found: Finding, name: ValueName, service: Service, other?: Service): void {
    const key = `${found} ${name} ${service.metadata.uid ?? ''}`;
    if (this.#reported.has(key) || this.#reported.size >= reportsLimit) return;
    this.#reported.add(key);
    const event = repairWords(found, name);
    const about = { value: name, service: objectKey(service), ...(other && { other: objectKey(other) }) };
    this.#parts.log.warn(about, event.message);
    this.#parts.tell(service, event);
  }

  async #ensure(name: ValueName, service: Service, claim: Claim | undefined): Promise<void> {
    const owner = objectKey(service);
    const { uid = '' } = service.metadata;
    // Of another uid it is of a request that failed, which its server settles; protected it is.
    if (claim?.owner === owner) return;
    const { done } = await this.#parts.store.claim([name], { owner, uid }, claim === undefined ? [] : [claim]);
    if (done) this.#parts.tell(service, repairWords('not-claimed', name));
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
