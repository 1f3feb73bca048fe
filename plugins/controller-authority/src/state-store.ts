/** The state in the store, and the seal of the keys in it. */
import { hkdfSync } from 'node:crypto';
import { errorMessage, type Env } from '@timonel/sdk';
import { StoreError, type Store } from '@timonel/sdk/contracts/store';
import { decrypt, encrypt, sealingKeyBytes } from '@timonel/sdk/pki';
import { idOf, parseState, type AuthorityState, type KeySeal } from './state.ts';

const key = '/timonel/authority/state';
const purpose = 'timonel keys of authorities';

/** As it was read, and what a write must find unchanged. */
export interface StoredState {
  readonly state: AuthorityState | undefined;
  /** 0: there is none. */
  readonly revision: number;
}

export function keySeal(masterKey: Uint8Array, { random }: Pick<Env, 'random'>): KeySeal {
  const secret = Buffer.from(hkdfSync('sha256', masterKey, '', purpose, sealingKeyBytes));
  const contextOf = (pem: string): string => `${key}/${idOf(pem)}`;
  return {
    seal: (keyPem, pem) => encrypt(secret, contextOf(pem), Buffer.from(keyPem), random).toString('base64'),
    open(sealed, pem) {
      try {
        return decrypt(secret, contextOf(pem), Buffer.from(sealed, 'base64')).toString('utf8');
      } catch (cause) {
        const advice = 'bring back master.key as it is on the other servers';
        throw new Error(
          `the key of the authority was sealed by another master key than that of this server: ${advice}`,
          {
            cause,
          },
        );
      }
    },
  };
}

/** @throws StoreError */
export async function readState(store: Pick<Store, 'get'>): Promise<StoredState> {
  const { kv } = await store.get(key);
  if (kv === undefined) return { state: undefined, revision: 0 };
  try {
    return { state: parseState(Buffer.from(kv.value).toString('utf8')), revision: kv.modRevision };
  } catch (cause) {
    throw new StoreError('CORRUPT', `the state of the authority cannot be read: ${errorMessage(cause)}`, { cause });
  }
}

/** False: somebody else has written meanwhile. @throws StoreError */
export async function writeState(
  store: Pick<Store, 'txn'>,
  { revision }: Pick<StoredState, 'revision'>,
  next: AuthorityState,
): Promise<boolean> {
  const { succeeded } = await store.txn({
    compare: [{ key, modRevision: revision }],
    success: [{ op: 'put', key, value: Buffer.from(JSON.stringify(next)) }],
  });
  return succeeded;
}
