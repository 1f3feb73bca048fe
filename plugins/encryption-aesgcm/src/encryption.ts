import type { Env } from '@timonel/sdk';
import type { KeptValue, Sealed, ValueEncryption } from '@timonel/sdk/contracts/encryption';
import { StoreError, type Compare } from '@timonel/sdk/contracts/store';
import { decrypt } from '@timonel/sdk/pki';
import { headOf, sealValue } from './envelope.ts';
import type { Keyring, Ring } from './keyring.ts';

export interface EncryptionOptions {
  readonly keyring: Keyring;
  readonly env: Pick<Env, 'random'>;
  /** Of the keys whose values are sealed. */
  readonly prefixes: readonly string[];
}

export class Encryption implements ValueEncryption {
  readonly #options: EncryptionOptions;

  constructor(options: EncryptionOptions) {
    this.#options = options;
  }

  covers(key: string): boolean {
    return this.#options.prefixes.some((prefix) => key.startsWith(prefix));
  }

  async seal({ key, value }: KeptValue): Promise<Sealed> {
    const { keyring, env } = this.#options;
    const ring = await keyring.current();
    return { value: sealValue(ring.primary, key, value, env.random), guard: keyring.guard(ring) };
  }

  async open(kept: readonly KeptValue[]): Promise<readonly (Uint8Array | StoreError)[]> {
    let ring = await this.#options.keyring.current();
    const opened: (Uint8Array | StoreError)[] = [];
    for (const one of kept) {
      const head = headOf(one.value);
      // Another server has made it.
      if (head !== undefined && !ring.keys.has(head.id)) ring = await this.#options.keyring.refresh();
      opened.push(openOne(ring, one, head));
    }
    return opened;
  }

  async isCurrent({ modRevision }: Compare & { readonly modRevision?: number }): Promise<boolean> {
    return (await this.#options.keyring.refresh()).revision === modRevision;
  }
}

function openOne(ring: Ring, { key, value }: KeptValue, head: ReturnType<typeof headOf>): Uint8Array | StoreError {
  if (head === undefined) return new StoreError('CORRUPT', `${key} is sealed, but not by AES-GCM`);
  const found = ring.keys.get(head.id);
  if (found === undefined) {
    return new StoreError('CORRUPT', `${key} is sealed by the encryption key ${head.id}, which is gone`);
  }
  try {
    return decrypt(found.secret, key, value.subarray(head.from));
  } catch (cause) {
    return new StoreError('CORRUPT', `${key} was changed or moved after it was sealed`, { cause });
  }
}
