/** Brings all covered values under the primary key, and takes keys away that nothing needs any more. */
import type { Logger } from '@timonel/sdk';
import type { KeyValue, Store } from '@timonel/sdk/contracts/store';
import type { ValueEncryption } from '@timonel/sdk/contracts/encryption';
import { headOf } from './envelope.ts';
import type { Keyring, Ring } from './keyring.ts';

const pageSize = 200;

export interface Usage {
  /** Values by the id of their key; `''`: not sealed. */
  readonly values: ReadonlyMap<string, number>;
  /** Of the store when the last of them was read. */
  readonly revision: number;
}

export interface ResealingParts {
  readonly store: Pick<Store, 'range' | 'txn' | 'status'>;
  readonly keyring: Keyring;
  readonly encryption: ValueEncryption;
  readonly prefixes: readonly string[];
  /** What is sealed by a key that is gone is deleted. */
  readonly deletesLost: boolean;
  readonly log: Logger;
}

/** Every covered value as it lies in the store, a page at a time. */
async function* pages({
  store,
  prefixes,
}: ResealingParts): AsyncGenerator<{ kvs: readonly KeyValue[]; revision: number }> {
  for (const prefix of prefixes) {
    let startKey: string | undefined;
    for (;;) {
      const page = await store.range({ prefix, limit: pageSize, ...(startKey === undefined ? {} : { startKey }) });
      yield page;
      const last = page.kvs.at(-1);
      if (!page.more || last === undefined) break;
      startKey = `${last.key}\0`;
    }
  }
}

const keyIdOf = ({ value }: KeyValue): string => headOf(value)?.id ?? '';

export async function usage(parts: ResealingParts): Promise<Usage> {
  const values = new Map<string, number>();
  let revision = 0;
  for await (const page of pages(parts)) {
    revision = page.revision;
    for (const kv of page.kvs) values.set(keyIdOf(kv), (values.get(keyIdOf(kv)) ?? 0) + 1);
  }
  return { values, revision };
}

/** One pass. Resolves with the number of values that it sealed anew. What others write meanwhile is theirs. @throws StoreError */
export async function reseal(parts: ResealingParts, ring: Ring, signal: AbortSignal): Promise<number> {
  const { store, encryption, deletesLost, log } = parts;
  let written = 0;
  for await (const { kvs } of pages(parts)) {
    for (const kv of kvs) {
      if (signal.aborted) return written;
      const id = keyIdOf(kv);
      if (id === ring.primary.id) continue;
      if (deletesLost && id !== '' && !ring.keys.has(id)) {
        await store.txn({
          compare: [{ key: kv.key, modRevision: kv.modRevision }],
          success: [{ op: 'delete', key: kv.key }],
        });
        log.warn({ key: kv.key }, 'deleted, since its encryption key was lost');
        continue;
      }
      const [plain] = id === '' ? [kv.value] : await encryption.open([kv]);
      // What cannot be opened stays as it is, and its key with it.
      if (!(plain instanceof Uint8Array)) continue;
      const { value, guard } = await encryption.seal({ key: kv.key, value: plain });
      const { succeeded } = await store.txn({
        compare: [{ key: kv.key, modRevision: kv.modRevision }, guard],
        success: [{ op: 'put', key: kv.key, value, ...(kv.lease === 0 ? {} : { lease: kv.lease }) }],
      });
      if (succeeded) written += 1;
    }
  }
  return written;
}
