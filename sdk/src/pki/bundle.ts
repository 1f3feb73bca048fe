/** Several certificates in one PEM text. In a bundle of authorities the first one signs; the others are believed beside it. */
import { PkiError } from './errors.ts';
import { isSignedBy, readCertificate, type CertificateFacts } from './read.ts';

const block = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
/** A rotation needs two, and three while files are replaced; a succession of eight links goes with them. */
const mostCertificates = 16;
const longestText = 128 * 1024;

/** The certificates of a text, each as PEM, in their order. @throws PkiError ERR_PKI_CERTIFICATE when one is damaged or there are too many */
export function certificatesOf(pem: string): readonly string[] {
  const found = pem.length > longestText ? [] : (pem.match(block) ?? []);
  if (found.length === 0 || found.length > mostCertificates) {
    throw new PkiError('ERR_PKI_CERTIFICATE', `this is no PEM text of 1 to ${mostCertificates} certificates`);
  }
  for (const one of found) readCertificate(one);
  return found.map((one) => `${one}\n`);
}

/** The certificates of several texts in one, each once. */
export function bundleOf(...pems: readonly string[]): string {
  return [...new Set(pems.flatMap((pem) => (pem === '' ? [] : certificatesOf(pem))))].join('');
}

/** What each certificate of a bundle says. @throws PkiError ERR_PKI_CERTIFICATE */
export function readBundle(pem: string): readonly CertificateFacts[] {
  return certificatesOf(pem).map((one) => readCertificate(one));
}

/** True: somebody who was believed is believed no more, so that connections which were checked before must be checked again. */
export function losesAuthority(beforePem: string, afterPem: string): boolean {
  const after = new Set(afterPem.match(block));
  return (beforePem.match(block) ?? []).some((pem) => !after.has(pem));
}

/** The authority of the bundle that signed the (first) certificate, as PEM; undefined: none of them did. */
export function signerOf(certificatePem: string, bundlePem: string): string | undefined {
  return certificatesOf(bundlePem).find((authority) => isSignedBy(certificatePem, authority));
}

/**
 * Whether somebody who believes `bundlePem` believes the certificate at this time: by a chain of certificates that come with it, each of
 * them valid.
 */
export function isBelieved(certificatePem: string, bundlePem: string, nowMs: number): boolean {
  const isValid = (pem: string): boolean => {
    const { notBefore, notAfter } = readCertificate(pem);
    return notBefore <= nowMs && nowMs <= notAfter;
  };
  const [leaf = '', ...rest] = certificatesOf(certificatePem);
  const roots = certificatesOf(bundlePem).filter(isValid);
  const between = rest.filter((pem) => isValid(pem) && readCertificate(pem).isAuthority);
  const reaches = (pem: string, left: readonly string[]): boolean =>
    roots.some((root) => isSignedBy(pem, root)) ||
    left.some(
      (link) =>
        isSignedBy(pem, link) &&
        reaches(
          link,
          left.filter((one) => one !== link),
        ),
    );
  return isValid(leaf) && reaches(leaf, between);
}
