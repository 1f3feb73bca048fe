/** Credentials of the node itself, beside those that callers bring. */
import type { Env, Logger } from '@timonel/sdk';
import type { RegistryCredentials } from '@timonel/sdk/contracts/images';
import type { RegistryConfig } from '../config.ts';
import { CredentialFile } from './credential-file.ts';
import { CredentialHelpers } from './credential-helpers.ts';

export class CredentialSources {
  readonly #files: readonly CredentialFile[];
  readonly #helpers: CredentialHelpers;

  constructor(parts: { readonly env: Env; readonly log: Logger; readonly config: RegistryConfig }) {
    const helpers = new CredentialHelpers(parts);
    this.#helpers = helpers;
    this.#files = parts.config.credentialFiles.map((path) => new CredentialFile(path, { ...parts, helpers }));
  }

  /** Those that are for this registry and repository, in the order of the files. Never rejects but with the reason of the signal. */
  async for(
    registry: string,
    repository: string,
    signal: AbortSignal | undefined,
  ): Promise<readonly RegistryCredentials[]> {
    const found: RegistryCredentials[] = [];
    for (const file of this.#files) found.push(...(await file.for(registry, repository)));
    signal?.throwIfAborted();
    return found;
  }

  /** Ends the helpers that run. */
  close(): void {
    this.#helpers.close();
  }
}
