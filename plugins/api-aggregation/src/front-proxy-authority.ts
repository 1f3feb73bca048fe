/**
 * The front-proxy authority of this API server, and its successor: made when four fifths of the life of the one that signs are over,
 * believed from then on, and signing once every server has had the time to read that it is to be believed.
 */
import { rm } from 'node:fs/promises';
import type { Env } from '@timonel/sdk';
import {
  bundleOf,
  certificateFile,
  certificatesOf,
  isPair,
  keepAuthority,
  keyFile,
  makeAuthority,
  readAuthority,
  readCertificate,
  readIdentity,
  writeAuthority,
  writeIdentity,
  type Authority,
  type Identity,
} from '@timonel/sdk/pki';

const commonName = 'timonel-front-proxy-ca';
const successorName = 'ca-next';
const shareOfLife = 0.8;
/** Since it is valid, which is a day before it is made: published for a day. */
const announcedMs = 2 * 86_400_000;

export interface FrontProxyAuthority {
  readonly authority: Authority;
  /** That one which signs, those before it and the one that comes next, as long as they are valid. */
  readonly believedPem: string;
}

export class FrontProxyAuthorityKeeper {
  readonly #env: Env;
  readonly #directory: string;

  constructor(env: Env, directory: string) {
    this.#env = env;
    this.#directory = directory;
  }

  /** @throws PkiError */
  async keep(): Promise<FrontProxyAuthority> {
    const authority = await keepAuthority(this.#env, this.#directory, { commonName });
    const successor = await this.#successor(authority);
    if (successor === undefined) return { authority, believedPem: this.#valid(authority.certificatePem) };
    if (this.#nowMs - readCertificate(successor.certificatePem).notBefore < announcedMs) {
      const believedPem = this.#valid(bundleOf(authority.certificatePem, successor.certificatePem));
      return { authority, believedPem };
    }
    const bundle = this.#valid(bundleOf(successor.certificatePem, authority.certificatePem));
    await writeAuthority(this.#directory, { bundle, keyPem: successor.keyPem, succession: '' });
    for (const file of [certificateFile, keyFile]) await rm(file(this.#directory, successorName), { force: true });
    return { authority: await readAuthority(this.#env, this.#directory), believedPem: bundle };
  }

  get #nowMs(): number {
    return this.#env.clock.now();
  }

  #valid(bundle: string): string {
    return certificatesOf(bundle)
      .filter((pem) => readCertificate(pem).notAfter > this.#nowMs)
      .join('');
  }

  async #successor(authority: Authority): Promise<Identity | undefined> {
    const { notBefore, notAfter } = readCertificate(authority.certificatePem);
    if (this.#nowMs < notBefore + (notAfter - notBefore) * shareOfLife) return undefined;
    const found = await readIdentity(this.#directory, successorName);
    if (found !== undefined && isPair(found)) return found;
    // Authorities of the same name cannot be told apart by everybody.
    const made = await makeAuthority(this.#env, { commonName: `${commonName}@${Math.floor(this.#nowMs / 1000)}` });
    await writeIdentity(this.#directory, successorName, made);
    return made;
  }
}
