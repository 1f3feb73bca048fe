/**
 * Who has which value, in the store: a key for each value, made only when there is none, so that two servers cannot give one
 * value to two services. Every key that is taken or taken again gets a new revision: whoever releases or takes over by what
 * it read before comes too late.
 */
import type { KeyValue, Operation, Store } from '@timonel/sdk/contracts/store';
import type { ValueName } from './held-values.ts';

/** The service that claims, or has claimed, a value. */
export interface Claimant {
  /** `namespace/name`. */
  readonly owner: string;
  readonly uid: string;
}

/** A claim as it is in the store. */
export interface Claim extends Claimant {
  readonly name: ValueName;
  /** Of the last write. 0: there is no claim. */
  readonly revision: number;
}

const prefix = '/timonel/allocations/';
const pageSize = 500;
/** Values of one txn: each is compared, put, and read when that failed. */
const txnValues = 100;

function claimOf(kv: KeyValue): Claim {
  const name = kv.key.slice(prefix.length);
  try {
    const { owner, uid } = JSON.parse(Buffer.from(kv.value).toString('utf8')) as Partial<Claimant>;
    if (typeof owner === 'string' && typeof uid === 'string') return { name, owner, uid, revision: kv.modRevision };
  } catch {
    // Whatever it is, it belongs to no service.
  }
  return { name, owner: '', uid: '', revision: kv.modRevision };
}

function put(name: ValueName, { owner, uid }: Claimant): Operation {
  return { op: 'put', key: prefix + name, value: Buffer.from(JSON.stringify({ owner, uid })) };
}

export type ClaimResult =
  /** All values are the claimant's, by the write of this revision. */
  | { readonly done: true; readonly revision: number }
  /** Nothing was written: these are the claims that were not as expected. */
  | { readonly done: false; readonly found: readonly Claim[] };

export class ClaimStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Most values of one {@link claim}. */
  static readonly limit: number = txnValues;

  /** Claims all values or none. `expected`: claims that may be replaced; of the other values there must be none. */
  async claim(names: readonly ValueName[], claimant: Claimant, expected: readonly Claim[] = []): Promise<ClaimResult> {
    const revisions = new Map(expected.map(({ name, revision }) => [name, revision]));
    const result = await this.#store.txn({
      compare: names.map((name) => ({ key: prefix + name, modRevision: revisions.get(name) ?? 0 })),
      success: names.map((name) => put(name, claimant)),
      failure: names.map((name) => ({ op: 'get', key: prefix + name })),
    });
    if (result.succeeded) return { done: true, revision: result.revision };
    const found = result.results.flatMap((one) => (one.op === 'get' && one.kv !== undefined ? [claimOf(one.kv)] : []));
    return { done: false, found };
  }

  async get(name: ValueName): Promise<Claim | undefined> {
    const { kv } = await this.#store.get(prefix + name);
    return kv === undefined ? undefined : claimOf(kv);
  }

  /** Does nothing when the claim was written since. */
  async release({ name, revision }: Pick<Claim, 'name' | 'revision'>): Promise<boolean> {
    const key = prefix + name;
    const result = await this.#store.txn({
      compare: [{ key, modRevision: revision }],
      success: [{ op: 'delete', key }],
    });
    return result.succeeded;
  }

  async all(): Promise<Claim[]> {
    const claims: Claim[] = [];
    for (let startKey: string = prefix; ;) {
      const page = await this.#store.range({ prefix, startKey, limit: pageSize });
      claims.push(...page.kvs.map(claimOf));
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) return claims;
      startKey = `${last.key}\0`;
    }
  }
}
