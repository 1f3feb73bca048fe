/**
 * Read-modify-write. Begins with the cached object, which may lag: what the cache leads to is trusted only once the store
 * agreed, that is, after the write went through or after the object was read again.
 */
import type { Store, Txn, TxnResult } from '@timonel/sdk/contracts/store';
import { errorCode } from '@timonel/sdk';
import { StoredObject } from '../cache/stored-object.ts';
import type { StoreFeed } from '../cache/store-feed.ts';
import type { Kind } from '../kinds/kind-table.ts';
import { encodeObject } from '../kinds/object-codec.ts';
import { copyJson, deepFreeze } from '../json/plain-json.ts';
import { conflict, notFound, writeFailure } from './api-errors.ts';
import { uncharged, writeAdmitted, type Admitted } from './admission.ts';
import type { Expiry } from './expiry.ts';
import { objectKeyOf } from './keys.ts';
import type { Target, Written } from './request.ts';
import type { ApiError, KubeObject } from '@timonel/sdk/kube';

/** What an attempt wants: nothing changes, a new state, or the end of the object (with its last state). */
export type Outcome =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'put'; readonly object: KubeObject; readonly admitted?: Admitted }
  | { readonly kind: 'delete'; readonly object: KubeObject | undefined };

type Operation = Txn['success'][number];

const attemptsLimit = 20;

export interface UpdateParts {
  readonly store: Store;
  readonly feed: StoreFeed;
  readonly expiry: Expiry;
}

async function readAgain(parts: UpdateParts, key: string): Promise<StoredObject | undefined> {
  const { kv } = await parts.store.get(key);
  return kv === undefined ? undefined : new StoredObject(key, kv.modRevision, kv.value);
}

/** @throws ApiError Timeout when it may have happened or not */
async function commit(parts: UpdateParts, txn: Txn): Promise<TxnResult> {
  try {
    return await parts.store.txn(txn);
  } catch (error) {
    throw writeFailure(error);
  }
}

/** `txnWith`: makes the transaction, whose put hangs on a lease when the objects of the kind expire. */
async function commitPut(
  parts: UpdateParts,
  { definition }: Kind,
  txnWith: (lease: number | undefined) => Txn,
): Promise<TxnResult> {
  if (definition.expires !== true) return commit(parts, txnWith(undefined));
  const lease = await parts.expiry.lease();
  try {
    return await commit(parts, txnWith(lease));
  } catch (error) {
    if (lease === undefined || errorCode(error) !== 'LEASE_NOT_FOUND') throw error;
    parts.expiry.forget(lease);
    return commit(parts, txnWith(await parts.expiry.lease()));
  }
}

function putOf(key: string, value: Uint8Array, lease: number | undefined): Operation {
  return lease === undefined ? { op: 'put', key, value } : { op: 'put', key, value, lease };
}

/** An object that is not in the store: the answer of a dry run. */
export function unstored(object: KubeObject): Written {
  return { object: deepFreeze(object), wire: Buffer.from(JSON.stringify(object)) };
}

function encode({ form }: Kind, object: KubeObject): Buffer | Promise<Buffer> {
  return form === undefined ? encodeObject(object) : form.encode(object);
}

interface Put {
  readonly key: string;
  readonly revision: number;
  readonly value: Uint8Array;
}

function committed(parts: UpdateParts, { form }: Kind, { key, revision, value }: Put, object: KubeObject): Written {
  object.metadata.resourceVersion = String(revision);
  deepFreeze(object);
  const stored = new StoredObject(key, revision, value, form === undefined ? object : undefined);
  parts.feed.offerWritten(stored);
  return form === undefined ? stored : form.show(stored, object);
}

/** What a writer finds: the object in the form of its kind. */
async function found({ form }: Kind, stored: StoredObject): Promise<StoredObject> {
  return form === undefined ? stored : form.present(stored);
}

/** An object that lies there in a form that is not written any more is written anew, whoever touches it. */
function renewed({ form }: Kind, outcome: Outcome, stored: StoredObject, shown: StoredObject): Outcome {
  if (outcome.kind !== 'unchanged' || form === undefined || form.isCurrent(stored)) return outcome;
  return { kind: 'put', object: copyJson(shown.object) };
}

/**
 * `absent`: what is thrown when there is no such object.
 * @throws ApiError NotFound, Conflict (too many writers at once), and what `attempt` throws.
 */
export async function guaranteedUpdate(
  parts: UpdateParts,
  target: Target,
  attempt: (current: StoredObject) => Promise<Outcome>,
  absent?: ApiError,
): Promise<Written> {
  parts.feed.checkLoaded();
  const key = objectKeyOf(target.kind.definition, target.namespace, target.name);
  let current = parts.feed.cache(target.kind.prefix).get(key);
  let certain = false;
  for (let tries = 0; tries < attemptsLimit; tries += 1) {
    let outcome: Outcome | undefined;
    let failure: unknown;
    let shown: StoredObject | undefined;
    try {
      if (current === undefined) throw absent ?? notFound(target.kind, target.name);
      shown = await found(target.kind, current);
      outcome = renewed(target.kind, await attempt(shown), current, shown);
    } catch (error) {
      failure = error;
    }
    if (!current || !shown || outcome === undefined || outcome.kind === 'unchanged' || target.dryRun) {
      if (!certain) {
        const fresh = await readAgain(parts, key);
        certain = true;
        if (fresh?.revision !== current?.revision) {
          current = fresh;
          continue;
        }
      }
      if (outcome === undefined || shown === undefined) throw failure;
      if (outcome.kind === 'unchanged') return shown;
      return outcome.object === undefined ? shown : unstored(outcome.object);
    }
    const value = outcome.kind === 'put' ? await encode(target.kind, outcome.object) : undefined;
    const { revision: modRevision } = current;
    const txnOf = (operation: Operation): Txn => ({
      compare: [{ key, modRevision }],
      success: [operation],
      failure: [{ op: 'get', key }],
    });
    const { admitted = uncharged } = outcome.kind === 'put' ? outcome : {};
    let lost: TxnResult | undefined;
    const write = async (): Promise<TxnResult | undefined> => {
      const answer =
        value === undefined
          ? await commit(parts, txnOf({ op: 'delete', key }))
          : await commitPut(parts, target.kind, (lease) => txnOf(putOf(key, value, lease)));
      if (answer.succeeded) return answer;
      lost = answer;
      return undefined;
    };
    const result = await writeAdmitted(admitted, write);
    if (result !== undefined) {
      if (value !== undefined && outcome.kind === 'put')
        return committed(parts, target.kind, { key, revision: result.revision, value }, outcome.object);
      return outcome.object === undefined ? shown.at(result.revision) : unstored(outcome.object);
    }
    const seen = lost?.results[0];
    const kv = seen?.op === 'get' ? seen.kv : undefined;
    current = kv === undefined ? undefined : new StoredObject(key, kv.modRevision, kv.value);
    certain = true;
  }
  throw conflict(target.kind, target.name, 'too many writers at once; please try again');
}

/** Puts a new object. Undefined: the key exists already. */
export async function putNew(
  parts: UpdateParts,
  kind: Kind,
  key: string,
  object: KubeObject,
): Promise<Written | undefined> {
  const value = await encode(kind, object);
  const result = await commitPut(parts, kind, (lease) => ({
    compare: [{ key, modRevision: 0 }],
    success: [putOf(key, value, lease)],
  }));
  return result.succeeded ? committed(parts, kind, { key, revision: result.revision, value }, object) : undefined;
}
