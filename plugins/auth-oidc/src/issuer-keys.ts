/** The keys of an issuer: read when they are needed first, when a token names another one, and when they are old. */
import type { Clock } from '@timonel/sdk';
import { createLocalJWKSet, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https$/ }) });
const keysSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(200) });

const freshMs = 600_000;
/** Tokens with keys that nobody knows must not make a request each. */
const leastMs = 10_000;

export interface IssuerKeysOptions {
  readonly issuer: string;
  readonly clock: Clock;
  readonly fetchJson: (url: string) => Promise<unknown>;
}

export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  #keys: { readonly get: JWTVerifyGetKey; readonly readMs: number } | undefined;
  #reading: Promise<void> | undefined;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** For `jwtVerify`. @throws what jose throws, and Error when the issuer cannot be read */
  readonly get: JWTVerifyGetKey = async (header, token) => {
    const now = this.#options.clock.monotonic();
    if (this.#keys === undefined || now - this.#keys.readMs > freshMs) await this.#readAgain();
    try {
      return await this.#known()(header, token);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_JWKS_NO_MATCHING_KEY') throw error;
      await this.#readAgain();
      return this.#known()(header, token);
    }
  };

  #known(): JWTVerifyGetKey {
    if (this.#keys === undefined) throw new Error(`the keys of ${this.#options.issuer} cannot be read`);
    return this.#keys.get;
  }

  /** Those that are known stay when the issuer is away. */
  async #readAgain(): Promise<void> {
    const now = this.#options.clock.monotonic();
    if (this.#reading === undefined) {
      if (now - this.#triedMs < leastMs) return;
      this.#triedMs = now;
      this.#reading = this.#read().finally(() => (this.#reading = undefined));
    }
    await this.#reading.catch((error: unknown) => {
      if (this.#keys === undefined) throw error;
    });
  }

  async #read(): Promise<void> {
    const { issuer, fetchJson, clock } = this.#options;
    const document = discoverySchema.parse(
      await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`),
    );
    if (document.issuer !== issuer) throw new Error(`the document of ${issuer} is of ${document.issuer}`);
    const keys = keysSchema.parse(await fetchJson(document.jwks_uri));
    this.#keys = { get: createLocalJWKSet(keys), readMs: clock.monotonic() };
  }
}
