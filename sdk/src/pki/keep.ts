/** Keeping files fit for use: what is missing is made, what grows old is renewed. */
import { isIP } from 'node:net';
import type { Env } from '../kernel/index.ts';
import { readIdentity, writeCertificateFile, writeIdentity } from './files.ts';
import { certificateLifetimeMs, issueIdentity, type CertificateProfile } from './issue.ts';
import { isPair, isRenewalDue, isSignedBy, readCertificate, type Authority, type Identity } from './read.ts';

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
    // Of a clock that was ahead: nobody believes it yet.
    facts.notBefore <= nowMs &&
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
  authority: Authority,
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
