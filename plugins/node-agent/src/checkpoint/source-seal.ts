/** Secrets in the checkpoint are sealed: a copy of the file, or what grep finds on a disk, does not show them. The key lies beside it. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Random } from '@timonel/sdk';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import type { KubeObject } from '@timonel/sdk/kube';
import { decrypt, encrypt } from '@timonel/sdk/pki';
import type { SourceKey } from './references.ts';

interface Kept {
  readonly digest: string;
  readonly sealed: KubeObject;
}

interface SealedSource extends KubeObject {
  /** Base64 of what AES-256-GCM makes of the object's JSON, bound to its key in the checkpoint. */
  readonly sealed: string;
}

const isSecret = (key: SourceKey): boolean => key.startsWith('secrets/');

function isSealed(value: KubeObject): value is SealedSource {
  return 'sealed' in value && typeof value.sealed === 'string';
}

export class SourceSeal {
  readonly #secret: Uint8Array;
  readonly #random: Random;
  /** What has not changed is sealed the same way again: the file need not be written then. */
  #kept = new Map<SourceKey, Kept>();

  constructor(secret: Uint8Array, random: Random) {
    this.#secret = secret;
    this.#random = random;
  }

  /** All sources of one checkpoint, as they are written. */
  sealAll<T extends KubeObject>(sources: ReadonlyMap<SourceKey, T | null>): Map<SourceKey, KubeObject | null> {
    const kept = new Map<SourceKey, Kept>();
    const sealed = new Map<SourceKey, KubeObject | null>();
    for (const [key, value] of sources) {
      if (value === null || !isSecret(key)) {
        sealed.set(key, value);
        continue;
      }
      const text = Buffer.from(JSON.stringify(value));
      const digest = createHash('sha256').update(text).digest('base64');
      const before = this.#kept.get(key);
      const now = before?.digest === digest ? before : { digest, sealed: this.#seal(key, value, text) };
      kept.set(key, now);
      sealed.set(key, now.sealed);
    }
    this.#kept = kept;
    return sealed;
  }

  /** Undefined: it was sealed by another key. */
  open(key: SourceKey, value: KubeObject): KubeObject | undefined {
    if (!isSealed(value)) return value;
    try {
      const text = decrypt(this.#secret, key, Buffer.from(value.sealed, 'base64'));
      return JSON.parse(text.toString()) as KubeObject;
    } catch {
      return undefined;
    }
  }

  #seal(key: SourceKey, { metadata: { name, namespace } }: KubeObject, text: Buffer): SealedSource {
    const sealed = encrypt(this.#secret, key, text, this.#random).toString('base64');
    return { metadata: { name: name ?? '', namespace: namespace ?? '' }, sealed };
  }
}

const keyName = 'checkpoint.key';
const keyBytes = 32;

/** By the key of this directory, which is made when there is none that can be used. */
export async function openSourceSeal(directory: string, random: Random): Promise<SourceSeal> {
  const file = join(directory, keyName);
  const known = Buffer.from((await readFileIfThere(file)) ?? '', 'base64');
  if (known.length === keyBytes) return new SourceSeal(known, random);
  const secret = random.bytes(keyBytes);
  await writeFileAtomically(file, `${Buffer.from(secret).toString('base64')}\n`, 0o600);
  return new SourceSeal(secret, random);
}
