/** The x509 library, loaded when a certificate is made or a request read: most starts of a program do neither. */
import { webcrypto } from 'node:crypto';
import type * as X509 from '@peculiar/x509';

let loading: Promise<typeof X509> | undefined;

async function load(): Promise<typeof X509> {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

export function loadX509(): Promise<typeof X509> {
  loading ??= load();
  return loading;
}
