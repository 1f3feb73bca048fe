/** Reads and writes the one Lease. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { isAlreadyExists, isConflict, isNotFound, leases, namespaces, type Lease } from '@timonel/sdk/kube';
import type { LeaseSpec } from './lease-spec.ts';

export class LeaseClient {
  readonly #api: ApiClient;
  readonly #name: { readonly namespace: string; readonly name: string };
  readonly #fieldManager: string;

  constructor(api: ApiClient, name: { readonly namespace: string; readonly name: string }, fieldManager: string) {
    this.#api = api;
    this.#name = name;
    this.#fieldManager = fieldManager;
  }

  /** Linearizable. Undefined: there is none. */
  async get(): Promise<Lease | undefined> {
    try {
      return await this.#api.get(leases, this.#name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** Makes the lease, and its namespace when that is missing. Undefined: another was first. */
  async create(spec: LeaseSpec): Promise<Lease | undefined> {
    const lease: Lease = { metadata: this.#name, spec };
    const options = { fieldManager: this.#fieldManager };
    try {
      return await this.#api.create(leases, lease, options);
    } catch (error) {
      if (isAlreadyExists(error)) return undefined;
      if (!isNotFound(error)) throw error;
    }
    await this.#createNamespace();
    try {
      return await this.#api.create(leases, lease, options);
    } catch (error) {
      if (isAlreadyExists(error)) return undefined;
      throw error;
    }
  }

  /** Replaces the spec of the lease as it was read. Undefined: somebody wrote since. */
  async replace(before: Lease, spec: LeaseSpec): Promise<Lease | undefined> {
    try {
      return await this.#api.update(leases, { ...before, spec }, { fieldManager: this.#fieldManager });
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #createNamespace(): Promise<void> {
    try {
      await this.#api.create(namespaces, { metadata: { name: this.#name.namespace } });
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}
