/** Certificates from Secrets of the type kubernetes.io/tls. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { errorMessage } from '@timonel/sdk';
import type { Secret } from '@timonel/sdk/kube';

export type CheckedCertificate =
  | { readonly usable: true; readonly pem: string; readonly expiresMs: number }
  | { readonly usable: false; readonly reason: string; readonly message: string };

const blocks = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
/** Certificates of one chain. */
const chainLimit = 16;
/** How strong keys and signatures of a chain must be for haproxy: as OpenSSL of distributions demands. */
const ciphers = 'DEFAULT@SECLEVEL=2';
/** Bits of RSA keys that OpenSSL accepts by default. */
const leastRsaBits = 2048;

function textOf(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
}

function refuse(message: string): CheckedCertificate {
  return { usable: false, reason: 'CertificateInvalid', message };
}

/** Objects of caches are never changed, and keys take long to check. */
const checked = new WeakMap<Secret, CheckedCertificate>();

/** Leaf, chain and key in one text, when they belong together. `name` stands in messages. */
export function checkCertificate(name: string, secret: Secret | undefined): CheckedCertificate {
  if (secret === undefined)
    return {
      usable: false,
      reason: 'SecretNotFound',
      message: `there is no Secret ${name} of the type kubernetes.io/tls`,
    };
  const before = checked.get(secret);
  if (before !== undefined) return before;
  const result = check(name, secret);
  checked.set(secret, result);
  return result;
}

function check(name: string, secret: Secret): CheckedCertificate {
  const chain = textOf(secret, 'tls.crt').match(blocks) ?? [];
  const [first] = chain;
  if (first === undefined) return refuse(`tls.crt of the Secret ${name} holds no certificate in PEM`);
  if (chain.length > chainLimit)
    return refuse(`tls.crt of the Secret ${name} holds more than ${chainLimit} certificates`);
  try {
    const [leaf] = chain.map((block) => new X509Certificate(block));
    const key = createPrivateKey(textOf(secret, 'tls.key'));
    if (leaf === undefined || !leaf.checkPrivateKey(key))
      return refuse(`tls.key of the Secret ${name} is not the key of the certificate in its tls.crt`);
    const bits = key.asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && bits < leastRsaBits)
      return refuse(`the key of the Secret ${name} has ${bits} bits: at least ${leastRsaBits} are needed`);
    const keyText = key.export({ type: 'pkcs8', format: 'pem' }).toString();
    createSecureContext({ cert: chain.join('\n'), key: keyText, ciphers });
    return { usable: true, pem: `${chain.join('\n')}\n${keyText}`, expiresMs: Date.parse(leaf.validTo) };
  } catch (error) {
    return refuse(`the Secret ${name} holds no usable certificate and key: ${errorMessage(error)}`);
  }
}
