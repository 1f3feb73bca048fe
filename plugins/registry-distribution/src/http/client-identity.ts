/** Whom a registry must be, and who we are there: certificates from files that may be replaced. */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { errorCode, errorMessage } from '@timonel/sdk';
import type { RegistryHostConfig } from '../config.ts';
import { untrusted } from '../failure.ts';

type Files = Pick<RegistryHostConfig, 'caFile' | 'certFile' | 'keyFile'>;

const named = ({ caFile, certFile, keyFile }: Files): readonly (readonly [string, string])[] =>
  Object.entries({ caFile, certFile, keyFile }).flatMap(([key, path]) =>
    path === undefined || path === '' ? [] : [[key, path] as const],
  );

/** Another one once a file is another. @throws RegistryFailure untrusted, when one cannot be used */
export async function fingerprintOf(files: Files): Promise<string> {
  const each = named(files).map(async ([key, path]) => {
    const { ino, size, mtimeMs } = await stat(path).catch((error: unknown) => unusable(key, path, error));
    return `${ino} ${size} ${mtimeMs}`;
  });
  return (await Promise.all(each)).join(', ');
}

/** Reading some hundred certificates takes a while: once, not for each connection. @throws RegistryFailure untrusted */
export async function secureContextOf(files: Files): Promise<SecureContext> {
  const texts = new Map<string, string>();
  for (const [key, path] of named(files)) {
    texts.set(key, await readFile(path, 'utf8').catch((error: unknown) => unusable(key, path, error)));
  }
  const { caFile = '', certFile = '' } = files;
  const authorities = texts.get('caFile');
  const [cert, key] = [texts.get('certFile'), texts.get('keyFile')];
  const ca = authorities === undefined ? [] : attempt('caFile', caFile, () => certificatesOf(authorities));
  return attempt('certFile', certFile, () =>
    createSecureContext({
      ...(ca.length === 0 ? {} : { ca: [...rootCertificates, ...ca] }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    }),
  );
}

/** @throws Error where there is none, or one that is broken: OpenSSL passes over both. */
function certificatesOf(pem: string): readonly string[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (found === null) throw new Error('it holds no certificate');
  return found.map((text) => new X509Certificate(text).toString());
}

function attempt<T>(key: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    return unusable(key, path, error);
  }
}

function unusable(key: string, path: string, error: unknown): never {
  const why = errorCode(error) ?? errorMessage(error);
  throw untrusted(`${key} ${path} cannot be used (${why})`, 'correct the path, or what the file holds');
}
