/** The server's authority and serving certificate, kept in files and made when needed. */
import type { Env } from '@timonel/sdk';
import { keepAuthority, keepIdentity } from '@timonel/sdk/pki';

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

/** Reads the certificates of the directory, makes or renews those that are missing or do not fit. */
export async function servingCertificate(options: ServingCertificateOptions): Promise<ServingCertificate> {
  const { directory, names, lifetimeMs, env } = options;
  const authority = await keepAuthority(env, directory);
  const { identity } = await keepIdentity(env, directory, 'apiserver', authority, {
    commonName: 'timonel-apiserver',
    names,
    usages: ['server'],
    lifetimeMs,
  });
  return { authorityPem: authority.certificatePem, ...identity };
}
