/** Looking at certificates. */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { isIPv6, SocketAddress } from 'node:net';
import { PkiError } from './errors.ts';
import { remembered } from './remembered.ts';

/** A certificate (or a chain, its leaf first) and the private key that belongs to it, both as PEM. */
export interface Identity {
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

/** Who signs: `certificatePem` is the bundle of all authorities that are believed, this one first. */
export interface Authority extends Identity {
  /** Goes with certificates that it signs: by it those believe them who know only an authority of before. Absent or empty: there is none. */
  readonly chainPem?: string;
}

/** What a certificate says. */
export interface CertificateFacts {
  /** CN of the subject; empty without one. */
  readonly commonName: string;
  /** Every O of the subject, in order. */
  readonly organizations: readonly string[];
  /** DNS names and IP addresses of the subject alternative name. */
  readonly names: readonly string[];
  /** Ms since the epoch. */
  readonly notBefore: number;
  /** Ms since the epoch. */
  readonly notAfter: number;
  readonly isAuthority: boolean;
  /** Hex SHA-256 of the certificate (DER). */
  readonly fingerprint: string;
  /** Hex SHA-256 of the subject public key info (DER): the same for each certificate of one key. The form of RFC 7469 pins. */
  readonly publicKeyFingerprint: string;
}

function sha256(bytes: ArrayBuffer | Uint8Array): string {
  return createHash('sha256')
    .update(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes))
    .digest('hex');
}

/** Hex SHA-256 of a DER structure. */
export function derFingerprint(bytes: ArrayBuffer | Uint8Array): string {
  return sha256(bytes);
}

/** Reads the (first) certificate of a PEM text, or a DER one. @throws PkiError ERR_PKI_CERTIFICATE */
export function readCertificate(certificate: string | Uint8Array): CertificateFacts {
  return typeof certificate === 'string' ? factsOfText(certificate) : factsOf(certificate);
}

const factsOfText = remembered((text = ''): CertificateFacts => factsOf(text));

function factsOf(certificate: string | Uint8Array): CertificateFacts {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch (cause) {
    throw new PkiError('ERR_PKI_CERTIFICATE', 'this is no PEM certificate', { cause });
  }
  const subject = parsed.toLegacyObject().subject as { readonly CN?: Field; readonly O?: Field };
  return Object.freeze({
    commonName: valuesOf(subject.CN)[0] ?? '',
    organizations: Object.freeze(valuesOf(subject.O)),
    names: Object.freeze(alternativeNames(parsed.subjectAltName ?? '')),
    notBefore: Date.parse(parsed.validFrom),
    notAfter: Date.parse(parsed.validTo),
    isAuthority: parsed.ca,
    fingerprint: sha256(parsed.raw),
    publicKeyFingerprint: sha256(parsed.publicKey.export({ type: 'spki', format: 'der' })),
  });
}

type Field = string | readonly string[] | undefined;

function valuesOf(field: Field): readonly string[] {
  if (field === undefined) return [];
  return typeof field === 'string' ? [field] : field;
}

/** DNS names and addresses of the form `DNS:a, IP Address:0:0:0:0:0:0:0:1`; what could be misread is quoted as in JSON. */
function alternativeNames(text: string): string[] {
  const names: string[] = [];
  for (const [, type, name = ''] of text.matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g)) {
    const value = name.startsWith('"') ? (JSON.parse(name) as string) : name;
    if (type === 'DNS') names.push(value);
    if (type === 'IP Address') {
      names.push(isIPv6(value) ? new SocketAddress({ address: value, family: 'ipv6' }).address : value);
    }
  }
  return names;
}

/** True when `authorityPem` signed the certificate. Says nothing of dates. */
export function isSignedBy(certificatePem: string, authorityPem: string): boolean {
  return isSigned(certificatePem, authorityPem);
}

const isSigned = remembered((certificatePem = '', authorityPem = ''): boolean => {
  try {
    return new X509Certificate(certificatePem).verify(new X509Certificate(authorityPem).publicKey);
  } catch {
    return false;
  }
});

/** True when the key is that of the certificate. */
export function isPair({ certificatePem, keyPem }: Identity): boolean {
  return isKeyOf(certificatePem, keyPem);
}

const isKeyOf = remembered((certificatePem = '', keyPem = ''): boolean => {
  try {
    return new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem));
  } catch {
    return false;
  }
});

/** True when less than a third of a certificate's life is left. `nowMs`: ms since the epoch. */
export function isRenewalDue({ notBefore, notAfter }: CertificateFacts, nowMs: number): boolean {
  return notAfter - nowMs < (notAfter - notBefore) / 3;
}
