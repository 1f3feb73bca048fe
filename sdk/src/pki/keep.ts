/** Keeping files fit for use: what is missing is made, what grows old is renewed. */
import { isIP } from 'node:net';
import type { Env } from '../kernel/index.ts';
import { PkiError } from './errors.ts';
import {
  certificateFile,
  keyFile,
  readCertificateFile,
  readIdentity,
  writeCertificateFile,
  writeIdentity,
} from './files.ts';
import { readFileIfThere } from '../files/index.ts';
import { certificateLifetimeMs, issueIdentity, makeAuthority, type CertificateProfile } from './issue.ts';
import { isPair, isRenewalDue, isSignedBy, readCertificate, type Identity } from './read.ts';

/** The name of the authority's files: `ca.crt`, `ca.key`. */
export const authorityName = 'ca';

/**
 * The authority of a directory; made when there is none.
 * @throws PkiError ERR_PKI_FILE when a file is damaged, one is there without the other, or the certificate has expired: another
 * authority would lock out everybody who trusts this one.
 */
export async function keepAuthority(
  env: Env,
  directory: string,
  options: { readonly commonName?: string; readonly lifetimeMs?: number } = {},
): Promise<Identity> {
  const certificatePem = await readCertificateFile(directory, authorityName);
  const keyPem = await readFileIfThere(keyFile(directory, authorityName));
  if (certificatePem !== undefined && keyPem !== undefined && isPair({ certificatePem, keyPem })) {
    if (readCertificate(certificatePem).notAfter > env.clock.now()) return { certificatePem, keyPem };
    throw new PkiError(
      'ERR_PKI_FILE',
      `the authority ${certificateFile(directory, authorityName)} has expired, or the clock of this machine is wrong: correct the clock, or remove ca.crt and ca.key to have a new authority made, which every client must learn`,
    );
  }
  if (certificatePem !== undefined) {
    throw new PkiError(
      'ERR_PKI_FILE',
      `${keyFile(directory, authorityName)} is missing or does not belong to ca.crt: bring back the right file, or remove both to have a new authority made, which every client must learn`,
    );
  }
  const made = await makeAuthority(env, options);
  await writeIdentity(directory, authorityName, made);
  return made;
}

/** IPv6 addresses have several spellings. */
function canonicalName(name: string): string {
  return isIP(name) === 6 ? new URL(`http://[${name}]`).hostname : name;
}

/** A certificate that lives longer than it should by this factor was made when lives were longer. */
const longerLife = 1.5;

/** Whether a certificate still says what it should, by the right authority, for long enough. */
export function isFit(identity: Identity, authorityPem: string, profile: CertificateProfile, nowMs: number): boolean {
  const facts = readCertificate(identity.certificatePem);
  const names = new Set(facts.names.map(canonicalName));
  return (
    !isRenewalDue(facts, nowMs) &&
    facts.notAfter - facts.notBefore <= (profile.lifetimeMs ?? certificateLifetimeMs) * longerLife &&
    facts.commonName === profile.commonName &&
    facts.organizations.join('\n') === (profile.organizations ?? []).join('\n') &&
    (profile.names ?? []).every((name) => names.has(canonicalName(name))) &&
    isPair(identity) &&
    isSignedBy(identity.certificatePem, authorityPem)
  );
}

/**
 * The certificate `<name>` of a directory, made or renewed when it is missing, does not fit the profile (names, or a much longer life) or the authority, or has less
 * than a third of its life left. A renewal keeps the key, so that only one file is replaced, in one step.
 * @throws PkiError ERR_PKI_FILE when a file is damaged: it is left as it is.
 */
export async function keepIdentity(
  env: Env,
  directory: string,
  name: string,
  authority: Identity,
  profile: CertificateProfile,
): Promise<{ readonly identity: Identity; readonly renewed: boolean }> {
  const found = await readIdentity(directory, name);
  if (found !== undefined && isFit(found, authority.certificatePem, profile, env.clock.now())) {
    return { identity: found, renewed: false };
  }
  if (found !== undefined && isPair(found)) {
    const identity = await issueIdentity(env, authority, profile, found.keyPem);
    await writeCertificateFile(directory, name, identity.certificatePem);
    return { identity, renewed: true };
  }
  const identity = await issueIdentity(env, authority, profile);
  await writeIdentity(directory, name, identity);
  return { identity, renewed: true };
}
