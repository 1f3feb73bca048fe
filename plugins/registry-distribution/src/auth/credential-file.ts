/** A file as docker's `config.json`. */
import { open, type FileHandle } from 'node:fs/promises';
import { errorCode, errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';
import { z } from 'zod';
import { entryFits } from './candidates.ts';
import type { CredentialHelpers } from './credential-helpers.ts';

const fileLimitBytes = 1024 * 1024;
const recheckMs = 1000;

const entrySchema = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
});

const fileSchema = z.object({
  auths: z.record(z.string(), entrySchema.nullable()).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

type Entry = z.infer<typeof entrySchema>;
type Contents = z.infer<typeof fileSchema>;

export interface CredentialFileParts {
  readonly env: Env;
  readonly log: Logger;
  readonly helpers: CredentialHelpers;
}

/** `auth` is `name:password` in base64, and wins over the two alone. Undefined: nothing usable. */
function credentialsOf(registry: string, entry: Entry): RegistryCredentials | undefined {
  const { auth = '', identitytoken = '', registrytoken = '' } = entry;
  const pair = Buffer.from(auth, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  const username = colon > 0 ? pair.slice(0, colon) : entry.username;
  const password = colon > 0 ? pair.slice(colon + 1).replace(/\0+$/, '') : entry.password;
  const token = identitytoken === '' ? {} : { identityToken: identitytoken };
  const bearer = registrytoken === '' ? {} : { registryToken: registrytoken };
  if (username === undefined && identitytoken === '' && registrytoken === '') return undefined;
  return { registry, ...(username === undefined ? {} : { username, password: password ?? '' }), ...token, ...bearer };
}

export class CredentialFile {
  readonly #path: string;
  readonly #parts: CredentialFileParts;
  #contents: Contents = {};
  #fingerprint = '';
  #checkedAt = Number.NEGATIVE_INFINITY;
  #complaint = '';

  constructor(path: string, parts: CredentialFileParts) {
    this.#path = path;
    this.#parts = parts;
  }

  async for(registry: string, repository: string): Promise<readonly RegistryCredentials[]> {
    await this.#refresh();
    const { auths, credHelpers, credsStore } = this.#contents;
    const found: RegistryCredentials[] = [];
    const helper = Object.entries(credHelpers ?? {}).find(([entry]) => entryFits(entry, registry, repository));
    const program = helper?.[1] ?? credsStore ?? '';
    if (program !== '') {
      const server = helper?.[0] ?? (registry === 'docker.io' ? 'https://index.docker.io/v1/' : registry);
      const got = await this.#parts.helpers.get(program, server, registry);
      if (got !== undefined) found.push(got);
    }
    for (const [key, entry] of Object.entries(auths ?? {})) {
      if (entry === null || !entryFits(key, registry, repository)) continue;
      const credentials = credentialsOf(key, entry);
      if (credentials !== undefined) found.push(credentials);
    }
    return found;
  }

  /** A file that is replaced is read again; one that cannot be used counts as empty, and is complained about once. */
  async #refresh(): Promise<void> {
    const now = this.#parts.env.clock.monotonic();
    if (now - this.#checkedAt < recheckMs) return;
    this.#checkedAt = now;
    try {
      await this.#read();
      this.#complaint = '';
    } catch (error) {
      this.#contents = {};
      this.#fingerprint = '';
      const complaint = errorCode(error) ?? errorMessage(error);
      if (complaint !== this.#complaint) {
        this.#parts.log.warn({ file: this.#path, error: complaint }, 'the credentials of this file cannot be used');
      }
      this.#complaint = complaint;
    }
  }

  async #read(): Promise<void> {
    const handle = await open(this.#path, 'r');
    try {
      const { ino, size, mtimeMs } = await handle.stat();
      const fingerprint = `${ino} ${size} ${mtimeMs}`;
      if (fingerprint === this.#fingerprint) return;
      this.#contents = parse(await readBounded(handle, this.#path));
      this.#fingerprint = fingerprint;
    } finally {
      await handle.close();
    }
  }
}

async function readBounded(handle: FileHandle, path: string): Promise<string> {
  const buffer = Buffer.alloc(fileLimitBytes + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    length += bytesRead;
    if (length > fileLimitBytes) throw new Error(`${path} is larger than ${fileLimitBytes} bytes`);
    if (bytesRead === 0) return buffer.toString('utf8', 0, length);
  }
}

function parse(text: string): Contents {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // What a parser says would show a part of a secret.
    throw new Error('it is not JSON');
  }
  const { success, data, error } = fileSchema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  throw new Error(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not as expected'}`);
}
