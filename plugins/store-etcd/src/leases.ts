import type { Env } from '@timonel/sdk';
import { checkTtl, leaseNotFound, type Lease } from '@timonel/sdk/contracts/store';
import type { EtcdClient } from './client.ts';
import { codeOf } from './errors.ts';
import { decodeGrantedTtl, decodeLeases, decodeTtl, encodeLeaseGrant, encodeLeaseId } from './wire/lease-messages.ts';
import { methods } from './wire/messages.ts';

const idBound = 2 ** 53;
const idTries = 3;
/** Time-to-live questions under way at once. */
const parallel = 32;

/** Leases of etcd: it keeps their time, in whole seconds, also while no store runs. */
export class Leases {
  readonly #client: EtcdClient;
  readonly #env: Env;

  constructor(client: EtcdClient, env: Env) {
    this.#client = client;
    this.#env = env;
  }

  async grant(ttlMs: number): Promise<Lease> {
    checkTtl(ttlMs);
    const seconds = Math.ceil(ttlMs / 1000);
    for (let tries = 1; ; tries++) {
      // An id of etcd's choice has 63 bits: too many for a number.
      const id = 1 + Math.floor(this.#env.random.next() * (idBound - 2));
      try {
        const message = encodeLeaseGrant(id, seconds);
        const answer = await this.#client.unary(methods.leaseGrant, message, { repeat: false });
        return { id, ttlMs: decodeTtl(answer) * 1000 };
      } catch (error) {
        if (tries === idTries || !(error as Error).message.includes('lease already exists')) throw error;
      }
    }
  }

  async keepAlive(id: number): Promise<Lease> {
    const seconds = decodeTtl(await this.#client.unary(methods.leaseKeepAlive, encodeLeaseId(id), { repeat: true }));
    if (seconds <= 0) throw leaseNotFound(id);
    return { id, ttlMs: seconds * 1000 };
  }

  async revoke(id: number): Promise<void> {
    await this.#client.unary(methods.leaseRevoke, encodeLeaseId(id), { repeat: false }).catch((error: unknown) => {
      throw codeOf(error) === 'LEASE_NOT_FOUND' ? leaseNotFound(id) : error;
    });
  }

  /** All of them, in order of their ids. In a shared etcd that may be other clients' leases, too. */
  async all(): Promise<Lease[]> {
    const ids = decodeLeases(await this.#client.unary(methods.leases, Buffer.alloc(0), { repeat: true }));
    const leases: Lease[] = [];
    for (let at = 0; at < ids.length; at += parallel) {
      leases.push(...(await Promise.all(ids.slice(at, at + parallel).map((id) => this.#look(id)))));
    }
    return leases.filter((lease) => lease.ttlMs > 0).sort((a, b) => a.id - b.id);
  }

  async #look(id: number): Promise<Lease> {
    const answer = await this.#client.unary(methods.leaseTimeToLive, encodeLeaseId(id), { repeat: true });
    return { id, ttlMs: decodeGrantedTtl(answer) * 1000 };
  }
}
