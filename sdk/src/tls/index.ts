/** Credentials that lie in files and are replaced while the process runs: certificates that are rotated, tokens. */
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { errorCode, errorMessage, type Logger } from '../kernel/index.ts';

/** PEM files, and a file with a bearer token. What is left out is not used. */
export interface CredentialFiles {
  readonly caFile: string;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly tokenFile?: string | undefined;
}

/** What the files hold. */
export interface Credentials {
  /** PEM of the authorities that the other side must be signed by. */
  readonly ca: string;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly token: string | undefined;
}

async function textOf(setting: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const code = errorCode(cause) ?? 'error';
    throw new Error(`${setting} ${file} cannot be read (${code}): correct the path or the permissions`, { cause });
  }
}

/** @throws Error that names the file, or says that certificate and key do not belong together. */
export async function readCredentials(files: CredentialFiles): Promise<Credentials> {
  const [ca = '', cert, key, token] = await Promise.all([
    textOf('caFile', files.caFile),
    textOf('certFile', files.certFile),
    textOf('keyFile', files.keyFile),
    textOf('tokenFile', files.tokenFile),
  ]);
  try {
    createSecureContext({ ca, ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) });
  } catch (cause) {
    const names = [files.caFile, files.certFile, files.keyFile].filter((name) => name !== undefined).join(', ');
    throw new Error(`${names}: not certificates and a key that fit together: ${errorMessage(cause)}`, { cause });
  }
  return { ca, cert, key, token: token?.trim() };
}

/** Credentials that follow their files. */
export class CredentialWatch {
  readonly #files: CredentialFiles;
  readonly #log: Logger;
  #seen: string;
  #current: Credentials;

  private constructor(files: CredentialFiles, log: Logger, seen: string, current: Credentials) {
    this.#files = files;
    this.#log = log;
    this.#seen = seen;
    this.#current = current;
  }

  /** @throws Error as {@link readCredentials} */
  static async open(files: CredentialFiles, log: Logger): Promise<CredentialWatch> {
    const seen = await fingerprint(files);
    return new CredentialWatch(files, log, seen, await readCredentials(files));
  }

  get current(): Credentials {
    return this.#current;
  }

  /**
   * Looks at the files; call it from time to time. True: `current` is another one now. Files that cannot be used, such as a pair of
   * which one half is replaced yet, leave it as it is until the next look.
   */
  async refresh(): Promise<boolean> {
    const seen = await fingerprint(this.#files);
    if (seen === this.#seen) return false;
    let fresh: Credentials;
    try {
      fresh = await readCredentials(this.#files);
    } catch (error) {
      this.#log.warn(
        { error: errorMessage(error) },
        'the changed credentials cannot be used yet: the former ones stay',
      );
      return false;
    }
    this.#seen = seen;
    const { ca, cert, key, token } = this.#current;
    if (fresh.ca === ca && fresh.cert === cert && fresh.key === key && fresh.token === token) return false;
    this.#current = fresh;
    return true;
  }
}

async function fingerprint(files: CredentialFiles): Promise<string> {
  const paths = [files.caFile, files.certFile, files.keyFile, files.tokenFile].filter((path) => path !== undefined);
  const parts = paths.map(async (path) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return found === undefined ? 'absent' : `${found.ino}:${found.size}:${found.mtimeNs}`;
  });
  return (await Promise.all(parts)).join(' ');
}
