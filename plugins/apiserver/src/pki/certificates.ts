/** The server's authority and serving certificate, kept in files and made when needed. */
import type { Env } from '@timonel/sdk';
import { keepAuthority, keepIdentity, readAuthority, type Authority } from '@timonel/sdk/pki';

export interface ServingCertificate {
  readonly authorityPem: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface ServingCertificateOptions {
  readonly directory: string;
  /** DNS names and IP addresses of the server. */
  readonly names: readonly string[];
  readonly lifetimeMs: number;
  readonly env: Env;
}

/** At the start of the server: makes what is missing, the authority too, and renews what does not fit. @throws PkiError */
export async function servingCertificate(options: ServingCertificateOptions): Promise<ServingCertificate> {
  return certificateBy(await keepAuthority(options.env, options.directory), options);
}

/** While the server runs: makes or renews the certificate when it is missing or does not fit, by the authority that is there. @throws PkiError */
export async function renewedCertificate(options: ServingCertificateOptions): Promise<ServingCertificate> {
  return certificateBy(await readAuthority(options.env, options.directory), options);
}

async function certificateBy(
  authority: Authority,
  { directory, names, lifetimeMs, env }: ServingCertificateOptions,
): Promise<ServingCertificate> {
  const { identity } = await keepIdentity(env, directory, 'apiserver', authority, {
    commonName: 'timonel-apiserver',
    names,
    usages: ['server'],
    lifetimeMs,
  });
  return { authorityPem: authority.certificatePem, ...identity };
}
