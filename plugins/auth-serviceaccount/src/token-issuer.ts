/** Makes and reads service account tokens: JWT (RFC 7519) signed by ES256, with the claims that Kubernetes gives them. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import type { Clock, Random } from '@timonel/sdk';
import type { ServiceAccountClaims } from '@timonel/sdk/contracts/auth';
import { calculateJwkThumbprint, decodeProtectedHeader, exportJWK, jwtVerify, SignJWT, type JWK } from 'jose';
import { z } from 'zod';

const algorithm = 'ES256';

interface Reference {
  readonly name: string;
  readonly uid: string;
}

/** What a token says. Whatever else is in it does not count. */
export interface TokenPayload {
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: Reference;
    readonly pod?: Reference | undefined;
    readonly secret?: Reference | undefined;
    readonly node?: { readonly name: string; readonly uid?: string | undefined } | undefined;
  };
}

const reference = z.object({ name: z.string().min(1), uid: z.string() });
const payloadSchema: z.ZodType<TokenPayload> = z.object({
  sub: z.string(),
  aud: z.array(z.string()),
  exp: z.number(),
  nbf: z.number(),
  jti: z.string(),
  'kubernetes.io': z.object({
    namespace: z.string().min(1),
    serviceaccount: reference,
    pod: reference.optional(),
    secret: reference.optional(),
    node: z.object({ name: z.string().min(1), uid: z.string().optional() }).optional(),
  }),
});

export interface TokenIssuerOptions {
  readonly key: KeyObject;
  /** Public keys whose tokens are believed, too: those of before, and those to come. */
  readonly furtherKeys?: readonly KeyObject[];
  readonly issuer: string;
  /** For whom a token is that names nobody. */
  readonly audiences: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

const rememberedLimit = 1000;

export function accountName(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

async function jwkOf(key: KeyObject): Promise<JWK> {
  const jwk = await exportJWK(key);
  return { use: 'sig', alg: algorithm, kid: await calculateJwkThumbprint(jwk), ...jwk };
}

export class TokenIssuer {
  readonly #options: TokenIssuerOptions;
  readonly #publicKey: KeyObject;
  /** Payloads of tokens whose signature was right, by digest; the oldest goes when there are too many. */
  readonly #remembered = new Map<string, TokenPayload>();
  #jwks: Promise<readonly [JWK, ...JWK[]]> | undefined;

  constructor(options: TokenIssuerOptions) {
    this.#options = options;
    this.#publicKey = createPublicKey(options.key);
  }

  /** The public keys, as /openid/v1/jwks shows them: that of new tokens first. */
  publicJwks(): Promise<readonly [JWK, ...JWK[]]> {
    const { furtherKeys = [] } = this.#options;
    this.#jwks ??= Promise.all([jwkOf(this.#publicKey), ...furtherKeys.map(jwkOf)] as const);
    return this.#jwks;
  }

  async issue(claims: ServiceAccountClaims): Promise<{ token: string; expiresAt: number }> {
    const { issuer, audiences, clock, random, key } = this.#options;
    const issuedAt = Math.floor(clock.now() / 1000);
    const expiry = issuedAt + claims.lifetimeSeconds;
    const { namespace, name, uid, boundTo, node } = claims;
    const bound =
      boundTo === undefined ? {} : { [boundTo.kind.toLowerCase()]: { name: boundTo.name, uid: boundTo.uid } };
    const [{ kid }] = await this.publicJwks();
    const token = await new SignJWT({
      'kubernetes.io': {
        namespace,
        ...(node === undefined ? {} : { node }),
        ...bound,
        serviceaccount: { name, uid },
      },
    })
      .setProtectedHeader({ alg: algorithm, ...(kid === undefined ? {} : { kid }) })
      .setIssuer(issuer)
      .setSubject(accountName(namespace, name))
      .setAudience(claims.audiences.length === 0 ? [...audiences] : [...claims.audiences])
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(expiry)
      .setJti(random.uuid())
      .sign(key);
    return { token, expiresAt: expiry * 1000 };
  }

  /** Whether a token says that it is from here, whatever its signature. */
  isOwn(token: string): boolean {
    const parts = token.split('.');
    if (parts.length !== 3) return false;
    try {
      const payload: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8'));
      return z.object({ iss: z.literal(this.#options.issuer) }).safeParse(payload).success;
    } catch {
      return false;
    }
  }

  /** What the token says; undefined when it was not signed here, or is not valid at this time. */
  async read(token: string): Promise<TokenPayload | undefined> {
    const digest = createHash('sha256').update(token).digest('base64');
    const payload = this.#remembered.get(digest) ?? (await this.#verify(token));
    if (payload === undefined) return undefined;
    const now = this.#options.clock.now() / 1000;
    if (payload.exp <= now || payload.nbf > now) {
      this.#remembered.delete(digest);
      return undefined;
    }
    const [oldest] = this.#remembered.keys();
    if (!this.#remembered.has(digest) && this.#remembered.size >= rememberedLimit && oldest !== undefined)
      this.#remembered.delete(oldest);
    this.#remembered.set(digest, payload);
    return payload;
  }

  async #verify(token: string): Promise<TokenPayload | undefined> {
    const { issuer, clock } = this.#options;
    try {
      const currentDate = new Date(clock.now());
      const options = { issuer, currentDate, algorithms: [algorithm] };
      const { payload } = await jwtVerify(token, await this.#keyCalled(decodeProtectedHeader(token).kid), options);
      return payloadSchema.parse(payload);
    } catch {
      return undefined;
    }
  }

  /** Tokens that name no key are by that of new ones. */
  async #keyCalled(kid: string | undefined): Promise<KeyObject> {
    const { furtherKeys = [] } = this.#options;
    const at = kid === undefined ? 0 : (await this.publicJwks()).findIndex((jwk) => jwk.kid === kid);
    const key = [this.#publicKey, ...furtherKeys][at];
    if (key === undefined) throw new Error('the token is signed by a key that is not known');
    return key;
  }
}
