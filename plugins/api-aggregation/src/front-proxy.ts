/** By which the servers know that a request comes from this API server: an authority for nothing else, and a certificate of it. */
import type { Env } from '@timonel/sdk';
import { keepIdentity, type CertificateProfile, type Identity } from '@timonel/sdk/pki';
import { FrontProxyAuthorityKeeper } from './front-proxy-authority.ts';

export const frontProxyName = 'front-proxy-client';

const profile: CertificateProfile = { commonName: frontProxyName, usages: ['client'] };
const checkPeriodMs = 6 * 3600 * 1000;

export interface FrontProxy {
  /** One or several: those by which servers are to know its requests. */
  readonly authorityPem: string;
  readonly client: Identity;
}

/** Makes it when it is asked for first, in files of its own, and renews the certificate in time. */
export class FrontProxyKeeper {
  readonly #env: Env;
  readonly #directory: string;
  readonly #authority: FrontProxyAuthorityKeeper;
  #kept: { readonly proxy: Promise<FrontProxy>; readonly atMs: number } | undefined;

  constructor(env: Env, directory: string) {
    this.#env = env;
    this.#directory = directory;
    this.#authority = new FrontProxyAuthorityKeeper(env, directory);
  }

  /** The same object as long as nothing was renewed. */
  get(): Promise<FrontProxy> {
    const nowMs = this.#env.clock.monotonic();
    if (this.#kept !== undefined && nowMs - this.#kept.atMs < checkPeriodMs) return this.#kept.proxy;
    const before = this.#kept?.proxy;
    const proxy = this.#keep(before);
    const kept = { proxy, atMs: nowMs };
    this.#kept = kept;
    proxy.catch(() => {
      if (this.#kept === kept) this.#kept = undefined;
    });
    return proxy;
  }

  async #keep(before: Promise<FrontProxy> | undefined): Promise<FrontProxy> {
    const { authority, believedPem: authorityPem } = await this.#authority.keep();
    const kept = await keepIdentity(this.#env, this.#directory, frontProxyName, authority, profile);
    const last = await before?.catch(() => undefined);
    const client = last?.client.certificatePem === kept.identity.certificatePem ? last.client : kept.identity;
    return last?.client === client && last.authorityPem === authorityPem ? last : { authorityPem, client };
  }
}
