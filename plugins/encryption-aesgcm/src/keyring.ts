/**
 * The encryption keys of the cluster. They lie in the store, sealed by the master key, which never does: all servers have them at once, and a
 * copy of the store is worth nothing alone.
 */
import { errorMessage, type Env } from '@timonel/sdk';
import { StoreError, type Compare, type Store } from '@timonel/sdk/contracts/store';
import { decrypt, encrypt, sealingKeyBytes } from '@timonel/sdk/pki';
import { z } from 'zod';
import type { DataKey } from './envelope.ts';

const ringKey = '/timonel/encryption/keys';

const ringSchema = z.object({
  version: z.literal(1),
  /** Id of the key that new values are sealed by: that of the newest. */
  primary: z.string(),
  keys: z.array(z.object({ id: z.string(), created: z.string(), sealed: z.string() })).min(1),
});

type StoredRing = z.infer<typeof ringSchema>;

export interface RingKey extends DataKey {
  /** RFC 3339. */
  readonly created: string;
}

export interface Ring {
  /** At which it was last written. */
  readonly revision: number;
  readonly primary: RingKey;
  readonly keys: ReadonlyMap<string, RingKey>;
}

export interface KeyringOptions {
  readonly store: Pick<Store, 'get' | 'txn'>;
  readonly env: Pick<Env, 'clock' | 'random'>;
  readonly masterKey: Uint8Array;
  /** Where the master key is, for messages. */
  readonly masterKeyPlace: string;
  /** Keys that the master key does not open are given up: what they seal is lost. Otherwise nothing goes on without them. */
  readonly forgetsLost: boolean;
}

export class Keyring {
  readonly #options: KeyringOptions;
  #ring: Ring | undefined;
  #reading: Promise<Ring> | undefined;

  constructor(options: KeyringOptions) {
    this.#options = options;
  }

  /** As it was last read; made when there is none. @throws StoreError */
  async current(): Promise<Ring> {
    return this.#ring ?? this.refresh();
  }

  /** As it is in the store now. Calls at one time share an answer only when it is newer than all of them. @throws StoreError */
  async refresh(): Promise<Ring> {
    // A read under way may be older than what the caller knows of.
    await this.#reading?.catch(() => undefined);
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  /** What fails a write when the keys are others by then. */
  guard({ revision }: Ring): Compare {
    return { key: ringKey, modRevision: revision };
  }

  /** A new key, by which all is sealed from now on. @throws StoreError */
  async add(): Promise<RingKey> {
    for (;;) {
      const ring = await this.refresh();
      const key = this.#newKey(idAfter(ring.keys.values()));
      if (await this.#write([...ring.keys.values(), key], key.id, ring.revision)) return (await this.refresh()).primary;
    }
  }

  /** Forgets all keys but the primary one; not done when the keys are others than in `ring`. */
  async keepPrimary(ring: Ring): Promise<boolean> {
    const done = await this.#write([ring.primary], ring.primary.id, ring.revision);
    await this.refresh();
    return done;
  }

  async #read(): Promise<Ring> {
    const { kv } = await this.#options.store.get(ringKey);
    if (kv !== undefined) {
      const stored = parseRing(kv.value);
      const keys = this.#open(stored);
      if (keys !== undefined) return (this.#ring = ringOf(stored, keys, kv.modRevision));
      if (!this.#options.forgetsLost) throw otherMasterKey(this.#options.masterKeyPlace);
      const key = this.#newKey(idAfter(stored.keys));
      await this.#write([key], key.id, kv.modRevision);
      return this.#read();
    }
    // Made by another server meanwhile: then that one is read.
    await this.#write([this.#newKey('1')], '1', 0);
    return this.#read();
  }

  async #write(keys: readonly RingKey[], primary: string, revision: number): Promise<boolean> {
    const { store, env, masterKey } = this.#options;
    const stored: StoredRing = {
      version: 1,
      primary,
      keys: keys.map(({ id, created, secret }) => {
        return { id, created, sealed: encrypt(masterKey, contextOf(id), secret, env.random).toString('base64') };
      }),
    };
    const { succeeded } = await store.txn({
      compare: [{ key: ringKey, modRevision: revision }],
      success: [{ op: 'put', key: ringKey, value: Buffer.from(JSON.stringify(stored)) }],
    });
    return succeeded;
  }

  #newKey(id: string): RingKey {
    const { clock, random } = this.#options.env;
    return { id, created: clock.timestamp(), secret: random.bytes(sealingKeyBytes) };
  }

  /** Undefined: the master key is another. */
  #open({ keys }: StoredRing): ReadonlyMap<string, RingKey> | undefined {
    const opened = new Map<string, RingKey>();
    try {
      for (const { id, created, sealed } of keys) {
        const secret = decrypt(this.#options.masterKey, contextOf(id), Buffer.from(sealed, 'base64'));
        opened.set(id, { id, created, secret });
      }
    } catch {
      return undefined;
    }
    return opened;
  }
}

const contextOf = (id: string): string => `${ringKey}/${id}`;

function idAfter(keys: Iterable<{ readonly id: string }>): string {
  return String(Math.max(...Array.from(keys, ({ id }) => Number(id))) + 1);
}

function parseRing(value: Uint8Array): StoredRing {
  try {
    return ringSchema.parse(JSON.parse(Buffer.from(value).toString('utf8')));
  } catch (cause) {
    throw new StoreError('CORRUPT', `the encryption keys in the store cannot be read: ${errorMessage(cause)}`, {
      cause,
    });
  }
}

function ringOf({ primary: id }: StoredRing, keys: ReadonlyMap<string, RingKey>, revision: number): Ring {
  const primary = keys.get(id);
  if (primary === undefined) throw new StoreError('CORRUPT', 'the encryption keys in the store lack the primary one');
  return { revision, primary, keys };
}

function otherMasterKey(place: string): StoreError {
  return new StoreError(
    'CORRUPT',
    `the encryption keys of this cluster were sealed by another master key than ${place}: bring back the right one, as it is on the other servers or was when the store was copied. When it is lost for good, set lostKeys: forget of the plugin encryption-aesgcm: Secrets are deleted then`,
  );
}
