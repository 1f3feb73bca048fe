/** Certificates and keys in files: `<name>.crt` and `<name>.key` of one directory. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfThere, writeFileAtomically } from '../files/index.ts';
import { PkiError } from './errors.ts';
import { readCertificate, type Identity } from './read.ts';

/** Where the certificate of this name lies. */
export function certificateFile(directory: string, name: string): string {
  return join(directory, `${name}.crt`);
}

/** Where the key of this name lies. */
export function keyFile(directory: string, name: string): string {
  return join(directory, `${name}.key`);
}

/** Reads a certificate file, or answers undefined without one. @throws PkiError ERR_PKI_FILE when it is damaged. */
export async function readCertificateFile(directory: string, name: string): Promise<string | undefined> {
  const file = certificateFile(directory, name);
  try {
    const pem = await readFileIfThere(file);
    if (pem !== undefined) readCertificate(pem);
    return pem;
  } catch (cause) {
    throw new PkiError(
      'ERR_PKI_FILE',
      `cannot read the certificate ${file}: remove ${name}.crt and ${name}.key to have them made anew`,
      { cause },
    );
  }
}

/** Reads certificate and key; undefined unless both are there. @throws PkiError ERR_PKI_FILE when one is damaged. */
export async function readIdentity(directory: string, name: string): Promise<Identity | undefined> {
  const certificatePem = await readCertificateFile(directory, name);
  const keyPem = await readFileIfThere(keyFile(directory, name));
  return certificatePem === undefined || keyPem === undefined ? undefined : { certificatePem, keyPem };
}

/** Replaces `<name>.crt` in one step. Makes the directory (mode 0700) when needed. */
export async function writeCertificateFile(directory: string, name: string, certificatePem: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFileAtomically(certificateFile(directory, name), certificatePem, 0o644);
}

/** Replaces `<name>.key` in one step; only its owner may read it. Makes the directory (mode 0700) when needed. */
export async function writeKeyFile(directory: string, name: string, keyPem: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writeFileAtomically(keyFile(directory, name), keyPem, 0o600);
}

/** Writes the key, then the certificate: a crash between the two leaves a pair that does not fit, see `isPair`. */
export async function writeIdentity(directory: string, name: string, identity: Identity): Promise<void> {
  await writeKeyFile(directory, name, identity.keyPem);
  await writeCertificateFile(directory, name, identity.certificatePem);
}
