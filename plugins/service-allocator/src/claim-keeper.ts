/** Keeps the claims in step with the services: those of this process's requests, and, while this process leads, all of them. */
import { errorMessage, type Env, type Logger, type OptionalRef, type TimerHandle } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { Leadership } from '@timonel/sdk/contracts/leadership';
import type { Store } from '@timonel/sdk/contracts/store';
import { WorkWhileLeading, type Informer } from '@timonel/sdk/controller';
import { isNotFound, services, type Service } from '@timonel/sdk/kube';
import { ClaimStore } from './claim-store.ts';
import { Claims } from './claims.ts';
import { heldValues } from './held-values.ts';
import { ReleasedValues } from './released-values.ts';
import { Releaser } from './releaser.ts';
import { Repair, type RepairParts } from './repair.ts';

export interface ClaimKeeperParts {
  readonly api: ApiClient;
  readonly store: Store;
  readonly informer: Informer<Service>;
  readonly leadership: OptionalRef<Leadership>;
  readonly env: Env;
  readonly log: Logger;
  readonly periodMs: number;
  readonly graceMs: number;
  readonly inRange: RepairParts['inRange'];
  readonly tell: RepairParts['tell'];
}

export class ClaimKeeper {
  readonly claims: Claims;
  readonly #parts: ClaimKeeperParts;
  readonly #released = new ReleasedValues();
  readonly #releaser: Releaser;
  readonly #repair: Repair;
  readonly #work: WorkWhileLeading;
  #timer: TimerHandle | undefined;
  #repairing: Promise<void> | undefined;

  constructor(parts: ClaimKeeperParts) {
    this.#parts = parts;
    const { api, informer, env, log, graceMs, inRange, tell } = parts;
    const store = new ClaimStore(parts.store);
    const read = async (owner: string): Promise<Service | undefined> => {
      const [namespace = '', name = ''] = owner.split('/');
      try {
        return await api.get(services, { namespace, name });
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    };
    this.claims = new Claims({ store, released: this.#released, read, env, log });
    this.#releaser = new Releaser(store, this.#released, log);
    this.#repair = new Repair({ store, services: () => informer.list(), read, env, log, graceMs, inRange, tell });
    this.#work = new WorkWhileLeading({
      leadership: parts.leadership,
      refresh: () => informer.relist(),
      onBegin: () => this.#repairNow(),
      onEnd: () => this.#timer?.cancel(),
    });
    informer.addHandler({
      added: (service) => this.claims.confirm(service),
      updated: (service, old) => {
        this.claims.confirm(service);
        this.#dropped(old, service);
      },
      deleted: (service) => this.#dropped(service, undefined),
    });
  }

  /** Before the informer starts. */
  start(): void {
    this.#work.start();
    this.claims.start();
  }

  async stop(): Promise<void> {
    this.#work.stop();
    this.#timer?.cancel();
    await this.#releaser.stop();
    await this.#repairing;
  }

  #dropped(before: Service, after: Service | undefined): void {
    const { uid = '', resourceVersion = '' } = (after ?? before).metadata;
    const kept = new Set(after === undefined ? [] : heldValues(after).map(({ name }) => name));
    for (const { name } of heldValues(before)) {
      if (kept.has(name)) continue;
      this.#released.add(uid, name, resourceVersion);
      if (this.#work.active) this.#releaser.add(name);
    }
  }

  #repairNow(): void {
    this.#timer?.cancel();
    this.#repairing = this.#repair
      .run(() => this.#work.active)
      .catch((error: unknown) => {
        this.#parts.log.debug({ error: errorMessage(error) }, 'the claims of services will be repaired later');
      })
      .then(() => {
        if (!this.#work.active) return;
        this.#timer = this.#parts.env.timers.after(this.#parts.periodMs, () => this.#repairNow());
      });
  }
}
