/** The authority of a directory, and what belongs to it there: `ca.crt`, `ca.key`, `ca-chain.crt`. */
import { createPublicKey } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { errorCode, type Env } from '../kernel/index.ts';
import { readFileIfThere, writeFileAtomically } from '../files/index.ts';
import { bundleOf, certificatesOf } from './bundle.ts';
import { PkiError } from './errors.ts';
import {
  certificateFile,
  keyFile,
  readCertificateFile,
  writeCertificateFile,
  writeIdentity,
  writeKeyFile,
} from './files.ts';
import { makeAuthority, rotatedAuthorityPrefix, type AuthorityOptions } from './issue.ts';
import { isPair, isSignedBy, readCertificate, type Authority } from './read.ts';

/** The name of the authority's files: `ca.crt`, `ca.key`. */
export const authorityName = 'ca';

const chainName = 'ca-chain';

function damaged(directory: string, name: string, cause: unknown): PkiError {
  return new PkiError('ERR_PKI_FILE', `cannot read ${certificateFile(directory, name)}: bring back the right file`, {
    cause,
  });
}

/** The bundle that is believed in this directory; undefined without one. @throws PkiError ERR_PKI_FILE when it is damaged */
export async function readAuthorities(directory: string): Promise<string | undefined> {
  const pem = await readCertificateFile(directory, authorityName);
  try {
    return pem === undefined ? undefined : bundleOf(pem);
  } catch (cause) {
    throw damaged(directory, authorityName, cause);
  }
}

/**
 * By which the authority's predecessors vouch for it, the newest first, also what is over; empty without any.
 * @throws PkiError ERR_PKI_FILE when it is damaged
 */
export async function readSuccession(directory: string): Promise<string> {
  const text = await readFileIfThere(certificateFile(directory, chainName));
  try {
    return text === undefined || text.trim() === '' ? '' : bundleOf(text);
  } catch (cause) {
    throw damaged(directory, chainName, cause);
  }
}

/** The part of the succession that goes with certificates of this authority: valid, and leading up to an authority of before. */
function chainTo(authorityPem: string, succession: string, nowMs: number): string {
  const chain: string[] = [];
  let { publicKeyFingerprint } = readCertificate(authorityPem);
  for (const link of succession === '' ? [] : certificatesOf(succession)) {
    const facts = readCertificate(link);
    if (facts.publicKeyFingerprint !== publicKeyFingerprint || facts.notAfter <= nowMs) continue;
    chain.push(link);
    const next = certificatesOf(succession).find((one) => one !== link && isSignedBy(link, one));
    if (next === undefined) break;
    ({ publicKeyFingerprint } = readCertificate(next));
  }
  return chain.join('');
}

interface FoundSigner {
  readonly bundle: string | undefined;
  readonly keyPem: string | undefined;
  /** That one of the bundle which the key belongs to. */
  readonly signer: string | undefined;
}

async function readSigner(directory: string): Promise<FoundSigner> {
  const bundle = await readAuthorities(directory);
  const keyPem = await readFileIfThere(keyFile(directory, authorityName));
  if (bundle === undefined || keyPem === undefined) return { bundle, keyPem, signer: undefined };
  const signer = certificatesOf(bundle).find((certificatePem) => isPair({ certificatePem, keyPem }));
  return { bundle, keyPem, signer };
}

const madeAnew =
  'remove ca.key and every certificate (*.crt) of the directory to have a new authority made, which every client must learn';

async function filesIn(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
}

/**
 * At the first start of all, where nothing has been signed yet. A key alone is left of such a start that was cut off, and goes on to be used.
 * @throws PkiError ERR_PKI_FILE when it is not the first start
 */
async function makeFirst(env: Env, directory: string, options: AuthorityOptions): Promise<void> {
  const keyName = `${authorityName}.key`;
  const files = (await filesIn(directory)).filter((file) => !file.endsWith('.new'));
  const isFirst = files.includes(keyName) ? files.length === 1 : files.every((file) => !file.endsWith('.crt'));
  if (!isFirst) throw gone(directory);
  const keyPem = await readFileIfThere(keyFile(directory, authorityName));
  const made = await makeAuthority(env, options, keyPem).catch((cause: unknown) => {
    throw keyPem === undefined ? cause : new PkiError('ERR_PKI_FILE', wrongKey(directory), { cause });
  });
  await writeIdentity(directory, authorityName, made);
}

function wrongKey(directory: string): string {
  return `${keyFile(directory, authorityName)} is missing, damaged or does not belong to ca.crt: bring back the right file, or ${madeAnew}`;
}

function gone(directory: string): PkiError {
  return new PkiError(
    'ERR_PKI_FILE',
    `${certificateFile(directory, authorityName)} is gone: bring it back, with ca.key, from another server of the cluster or a backup, or ${madeAnew}`,
  );
}

/**
 * The authority of a directory, at the start of a server; made at its first start. While it runs, see {@link readAuthority}.
 * @throws PkiError ERR_PKI_FILE as {@link readAuthority} does; another authority would lock out everybody who trusts this one.
 */
export async function keepAuthority(env: Env, directory: string, options: AuthorityOptions = {}): Promise<Authority> {
  if ((await readAuthorities(directory)) === undefined) await makeFirst(env, directory, options);
  return readAuthority(env, directory);
}

/**
 * The authority of a directory. Of a bundle in `ca.crt` that one signs which `ca.key` belongs to: it comes first.
 * @throws PkiError ERR_PKI_FILE when a file is missing or damaged, they do not belong together, or the certificate has expired
 */
export async function readAuthority(env: Env, directory: string): Promise<Authority> {
  // Read while it was replaced, the two may be of different times.
  const found = await readSigner(directory);
  const { bundle, keyPem, signer } = found.signer === undefined ? await readSigner(directory) : found;
  if (bundle === undefined) throw gone(directory);
  if (signer === undefined || keyPem === undefined) {
    throw new PkiError('ERR_PKI_FILE', wrongKey(directory));
  }
  const nowMs = env.clock.now();
  if (readCertificate(signer).notAfter <= nowMs) {
    throw new PkiError(
      'ERR_PKI_FILE',
      `the authority ${certificateFile(directory, authorityName)} has expired, or the clock of this machine is wrong: correct the clock; take ca.crt, ca.key and ca-chain.crt of a server that has a newer one; or ${madeAnew}`,
    );
  }
  const chainPem = chainTo(signer, await readSuccession(directory), nowMs);
  return { certificatePem: bundleOf(signer, bundle), keyPem, chainPem };
}

/** What the files of an authority are to hold. */
export interface AuthorityFiles {
  /** The first one signs. */
  readonly bundle: string;
  /** Of the first one. */
  readonly keyPem: string;
  /** Empty: the authority has no predecessor. */
  readonly succession: string;
}

/**
 * Brings the files to what they are to hold, and no more: whatever else `ca.crt` held is believed no longer. A crash in between leaves files of which everyone who reads them makes an authority that
 * signs and that is believed. Resolves with whether something changed. @throws PkiError ERR_PKI_FILE
 */
export async function writeAuthority(directory: string, files: AuthorityFiles): Promise<boolean> {
  const { bundle, keyPem, succession } = files;
  const before = await readAuthorities(directory);
  const keyBefore = await readFileIfThere(keyFile(directory, authorityName));
  let changed = false;
  if (succession !== '' && (await readSuccession(directory)) !== bundleOf(succession)) {
    await writeFileAtomically(certificateFile(directory, chainName), succession, 0o644);
    changed = true;
  }
  if (keyBefore === undefined || !isSameKey(keyBefore, keyPem)) {
    // Both keys have their certificate there, whichever of them a reader finds.
    await writeCertificateFile(directory, authorityName, bundleOf(before ?? '', bundle));
    await writeKeyFile(directory, authorityName, keyPem);
    changed = true;
  }
  if ((await readAuthorities(directory)) === bundleOf(bundle)) return changed;
  await writeCertificateFile(directory, authorityName, bundle);
  return true;
}

function isSameKey(one: string, other: string): boolean {
  return createPublicKey(one).equals(createPublicKey(other));
}

/** True: the authority has had predecessors, so that nothing may be derived from its key. */
export function hasPredecessors(authorityPem: string): boolean {
  return readCertificate(authorityPem).commonName.startsWith(rotatedAuthorityPrefix);
}

/**
 * Whether an authority with this key is one of `bundle`, or a successor of one of them: each predecessor has signed for the next, as for
 * an authority. Says nothing of dates: an authority that is over has still named its successor.
 */
export function isSuccessor(publicKeyFingerprint: string, bundle: string, succession: string): boolean {
  // A certificate of a node or a user is signed by the same key, and passes nothing on.
  const links = succession === '' ? [] : certificatesOf(succession).filter((link) => readCertificate(link).isAuthority);
  const seen = new Set<string>();
  const leads = (fingerprint: string): boolean => {
    if (certificatesOf(bundle).some((pem) => readCertificate(pem).publicKeyFingerprint === fingerprint)) return true;
    if (seen.has(fingerprint)) return false;
    seen.add(fingerprint);
    return links
      .filter((link) => readCertificate(link).publicKeyFingerprint === fingerprint)
      .some(
        (link) =>
          certificatesOf(bundle).some((root) => isSignedBy(link, root)) ||
          links.some(
            (other) => other !== link && isSignedBy(link, other) && leads(readCertificate(other).publicKeyFingerprint),
          ),
      );
  };
  return leads(publicKeyFingerprint);
}
