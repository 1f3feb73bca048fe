/** Certificate signing requests (PKCS #10, RFC 2986). */
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { algorithm, keysOfPem, makeKeys, pemOfKey } from './algorithm.ts';
import { PkiError } from './errors.ts';
import { derFingerprint } from './read.ts';
import { loadX509 } from './x509-library.ts';

const sizeLimit = 16 * 1024;
const alternativeNameOid = '2.5.29.17';

/** What a request asks for. */
export interface RequestSubject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses. */
  readonly names?: readonly string[];
}

/** A request whose signature has been checked. */
export interface SigningRequest {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly names: readonly string[];
  /** What the alternative names hold beside DNS names and IP addresses: `email`, `url`, … */
  readonly otherNameTypes: readonly string[];
  /** Hex SHA-256 of the subject public key info, as `publicKeyFingerprint` of the certificate will be. */
  readonly publicKeyFingerprint: string;
  readonly publicKey: webcrypto.CryptoKey;
}

/** Makes a private key (PKCS #8, PEM). */
export async function makePrivateKey(): Promise<string> {
  return pemOfKey((await makeKeys()).privateKey);
}

/** Makes the request (PEM) for a key that stays here. */
export async function makeSigningRequest(keyPem: string, subject: RequestSubject): Promise<string> {
  const x509 = await loadX509();
  const names = (subject.names ?? []).map((value) => ({
    type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const),
    value,
  }));
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [subject.commonName] }, ...(subject.organizations ?? []).map((name) => ({ O: [name] }))],
    keys: await keysOfPem(keyPem),
    signingAlgorithm: algorithm,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
  return `${request.toString('pem')}\n`;
}

interface KeyAlgorithm {
  readonly name: string;
  readonly namedCurve?: string;
  readonly modulusLength?: number;
}

const curves: ReadonlySet<string> = new Set(['P-256', 'P-384', 'P-521']);
const rsaBits = { least: 2048, most: 8192 } as const;

/** Keys that users' tools make; none that takes long to check. */
function isCommonKey({ name, namedCurve = '', modulusLength = 0 }: KeyAlgorithm): boolean {
  if (name === 'ECDSA') return curves.has(namedCurve);
  if (!name.startsWith('RSA')) return name === 'Ed25519';
  return modulusLength >= rsaBits.least && modulusLength <= rsaBits.most;
}

/**
 * Reads a request, and checks that whoever made it has the private key. At most 16 KiB. `keys`: `P-256`, of those that Timonel
 * makes; `common`, RSA of 2048 to 8192 bits, ECDSA of the NIST curves, Ed25519.
 * @throws PkiError ERR_PKI_REQUEST
 */
export async function readSigningRequest(
  requestPem: string,
  keys: 'P-256' | 'common' = 'P-256',
): Promise<SigningRequest> {
  const x509 = await loadX509();
  try {
    if (requestPem.length > sizeLimit) throw new Error('it is too long');
    const request = new x509.Pkcs10CertificateRequest(x509.PemConverter.decodeFirst(requestPem));
    const key = request.publicKey.algorithm as KeyAlgorithm;
    const isOwnKind = key.name === 'ECDSA' && key.namedCurve === 'P-256';
    if (keys === 'P-256' && !isOwnKind) throw new Error('its key is not on the curve P-256');
    if (!isCommonKey(key)) throw new Error('its key is neither RSA of 2048 to 8192 bits nor ECDSA nor Ed25519');
    if (!(await request.verify())) throw new Error('its signature is not by its key');
    const alternative = request.extensions.find((extension) => extension.type === alternativeNameOid);
    const names =
      alternative === undefined ? [] : new x509.SubjectAlternativeNameExtension(alternative.rawData).names.items;
    return {
      commonName: request.subjectName.getField('CN')[0] ?? '',
      organizations: request.subjectName.getField('O'),
      names: names.map(({ value }) => value),
      otherNameTypes: names.map(({ type }) => type).filter((type) => type !== 'dns' && type !== 'ip'),
      publicKeyFingerprint: derFingerprint(request.publicKey.rawData),
      publicKey: await request.publicKey.export(),
    };
  } catch (cause) {
    const why = (cause as { message?: string } | undefined)?.message ?? 'it cannot be read';
    throw new PkiError('ERR_PKI_REQUEST', `the certificate signing request is refused: ${why}`, { cause });
  }
}
