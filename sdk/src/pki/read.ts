/** Looking at certificates. */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { x509 } from './algorithm.ts';
import { PkiError } from './errors.ts';

/** A certificate (or a chain, its leaf first) and the private key that belongs to it, both as PEM. */
export interface Identity {
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly keyPem: string;
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
  let parsed: x509.X509Certificate;
  try {
    // The library takes whatever looks like base64 or hex for a certificate; only PEM is meant.
    const der = typeof certificate === 'string' ? x509.PemConverter.decodeFirst(certificate) : certificate;
    parsed = new x509.X509Certificate(der);
  } catch (cause) {
    throw new PkiError('ERR_PKI_CERTIFICATE', 'this is no PEM certificate', { cause });
  }
  const alternative = parsed.getExtension(x509.SubjectAlternativeNameExtension);
  return {
    commonName: parsed.subjectName.getField('CN')[0] ?? '',
    organizations: parsed.subjectName.getField('O'),
    names: (alternative?.names.items ?? []).map((item) => item.value),
    notBefore: parsed.notBefore.getTime(),
    notAfter: parsed.notAfter.getTime(),
    isAuthority: parsed.getExtension(x509.BasicConstraintsExtension)?.ca === true,
    fingerprint: sha256(parsed.rawData),
    publicKeyFingerprint: sha256(parsed.publicKey.rawData),
  };
}

/** True when `authorityPem` signed the certificate. Says nothing of dates. */
export function isSignedBy(certificatePem: string, authorityPem: string): boolean {
  try {
    return new X509Certificate(certificatePem).verify(new X509Certificate(authorityPem).publicKey);
  } catch {
    return false;
  }
}

/** True when the key is that of the certificate. */
export function isPair(identity: Identity): boolean {
  try {
    return new X509Certificate(identity.certificatePem).checkPrivateKey(createPrivateKey(identity.keyPem));
  } catch {
    return false;
  }
}

/** True when less than a third of a certificate's life is left. `nowMs`: ms since the epoch. */
export function isRenewalDue({ notBefore, notAfter }: CertificateFacts, nowMs: number): boolean {
  return notAfter - nowMs < (notAfter - notBefore) / 3;
}
