/** The contract, made of mirrors, manifests, transfers and uploads. */
import { setMaxListeners } from 'node:events';
import type { Env, Logger } from '@timonel/sdk';
import { ImageError } from '@timonel/sdk/contracts/images';
import type {
  Descriptor,
  ImageReference,
  ImageRegistry,
  Manifest,
  RegistryAccess,
} from '@timonel/sdk/contracts/registry';
import { Authorizer } from './auth/authorizer.ts';
import { Tokens } from './auth/tokens.ts';
import { candidatesOf } from './auth/candidates.ts';
import { CredentialSources } from './auth/credential-sources.ts';
import { BoundedMap } from './bounded-map.ts';
import { Caller, type Target } from './caller.ts';
import type { RegistryConfig } from './config.ts';
import { isFailure, shown, type RegistryFailure } from './failure.ts';
import { Endpoints, type Endpoint } from './hosts/endpoints.ts';
import { SchemeFinder } from './hosts/scheme-finder.ts';
import { Transport } from './http/transport.ts';
import { imageError } from './image-error.ts';
import { checkDigest, checkNames, nameIn, shownName } from './names.ts';
import { Retries } from './retry.ts';
import { BlobProgress, readBlob } from './transfer/blob-reader.ts';
import { hasBlob, pushBlob } from './transfer/blob-pusher.ts';
import { fetchManifest, resolveManifest, sendManifest, type ManifestParts } from './transfer/manifests.ts';

export interface RegistryClientParts {
  readonly env: Env;
  readonly log: Logger;
  readonly config: RegistryConfig;
}

export class RegistryClient implements ImageRegistry {
  readonly #env: Env;
  readonly #log: Logger;
  readonly #config: RegistryConfig;
  readonly #transport: Transport;
  readonly #endpoints: Endpoints;
  readonly #sources: CredentialSources;
  readonly #parts: ManifestParts;
  /** Where a blob of a registry was seen, to be taken from there by other repositories. */
  readonly #seen = new BoundedMap<string, string>(4096);
  /** Mirrors that could not be reached, or had wrong bytes of a blob: until when they are passed by. */
  readonly #avoided = new BoundedMap<string, number>(1024);

  constructor({ env, log, config }: RegistryClientParts) {
    this.#env = env;
    this.#log = log;
    this.#config = config;
    this.#transport = new Transport(env, config);
    this.#endpoints = new Endpoints(config);
    this.#sources = new CredentialSources({ env, log, config });
    const tokens = new Tokens(env, config, this.#transport);
    const authorizer = new Authorizer(tokens);
    const schemes = new SchemeFinder(this.#transport);
    const retries = new Retries(env, config);
    const caller = new Caller({ env, config, transport: this.#transport, schemes, authorizer, retries });
    this.#parts = { caller, env, config, retries };
  }

  async resolve(reference: ImageReference, access: RegistryAccess): Promise<Descriptor> {
    const name = nameIn(reference);
    return this.#anywhere(reference, access, `find ${shownName(reference)}`, (target) =>
      resolveManifest(this.#parts, target, name),
    );
  }

  async manifest(reference: ImageReference, digest: string, access: RegistryAccess): Promise<Manifest> {
    checkDigest(digest);
    const doing = `fetch manifest ${digest} of ${shownName(reference)}`;
    return this.#anywhere(reference, access, doing, (target) => fetchManifest(this.#parts, target, digest));
  }

  async *blob(
    reference: ImageReference,
    blob: Descriptor,
    access: RegistryAccess,
    offset = 0,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    checkDigest(blob.digest);
    const doing = `fetch ${blob.digest} of ${shownName(reference)}`;
    const progress = new BlobProgress(blob, offset);
    const failures: RegistryFailure[] = [];
    const asked: Target[] = [];
    try {
      for (const endpoint of this.#toAsk(reference, access, blob.digest)) {
        const target = await this.#target(endpoint, reference, access);
        asked.push(target);
        try {
          yield* readBlob(this.#parts, target, progress);
          break;
        } catch (error) {
          this.#passBy(error, endpoint, failures);
        }
      }
      progress.check();
      for (const target of asked.slice(-1)) this.#saw(target, blob.digest);
    } catch (error) {
      // Any of them may have sent the wrong bytes; the registry itself is always asked.
      if (isFailure(error) && error.kind === 'untrusted') {
        for (const { endpoint } of asked) this.#avoid(endpoint, blob.digest, wrongBytesMs);
      }
      throw imageError(error, doing, 'ErrImagePull', mirrorsToo(failures));
    }
  }

  async hasBlob(reference: ImageReference, digest: string, access: RegistryAccess): Promise<boolean> {
    checkDigest(digest);
    const doing = `look for ${digest} in ${shownName(reference)}`;
    return this.#pushing(reference, access, doing, async (target) => {
      const has = await hasBlob(this.#parts, target, digest, false);
      if (has) this.#saw(target, digest);
      return has;
    });
  }

  async pushBlob(
    reference: ImageReference,
    blob: Descriptor,
    content: () => AsyncIterable<Uint8Array>,
    access: RegistryAccess,
  ): Promise<void> {
    checkDigest(blob.digest);
    await this.#pushing(reference, access, `push ${blob.digest} to ${shownName(reference)}`, async (target) => {
      const seen = this.#seen.get(`${target.endpoint.authority} ${blob.digest}`);
      const from = seen === target.repository ? undefined : seen;
      await pushBlob(this.#parts, target, blob, content, from);
      this.#saw(target, blob.digest);
    });
  }

  async pushManifest(reference: ImageReference, manifest: Manifest, access: RegistryAccess): Promise<void> {
    checkDigest(manifest.digest);
    const name = reference.tag === '' ? manifest.digest : nameIn({ ...reference, digest: '' });
    await this.#pushing(reference, access, `push the manifest of ${shownName(reference)}`, (target) =>
      sendManifest(this.#parts, target, name, manifest),
    );
  }

  close(): void {
    this.#parts.retries.close();
    this.#sources.close();
    this.#transport.close();
  }

  async #target(endpoint: Endpoint, reference: ImageReference, access: RegistryAccess): Promise<Target> {
    const repository = `${endpoint.prefix}${reference.repository}`;
    const { signal } = access;
    // As many requests as there are layers may wait for the same one.
    if (signal !== undefined) setMaxListeners(Number.POSITIVE_INFINITY, signal);
    const plain = this.#endpoints.plainHosts(reference, access.plainHttp);
    const kept = await this.#sources.for(endpoint.registry, repository, signal);
    const candidates = candidatesOf([...access.credentials, ...kept], endpoint.registry, repository);
    return { endpoint, repository, candidates, plain, signal };
  }

  /** The mirrors, but those that are passed by at the moment, and the registry itself. */
  #toAsk(reference: ImageReference, access: RegistryAccess, digest = ''): readonly Endpoint[] {
    const now = this.#env.clock.monotonic();
    checkNames(reference);
    const own = this.#endpoints.own(reference, access.plainHttp);
    const mirrors = this.#endpoints
      .mirrors(reference)
      .filter(({ authority }) =>
        [authority, `${authority} ${digest}`].every((key) => (this.#avoided.get(key) ?? 0) <= now),
      );
    return [...mirrors, own];
  }

  async #anywhere<T>(
    reference: ImageReference,
    access: RegistryAccess,
    doing: string,
    work: (target: Target) => Promise<T>,
  ): Promise<T> {
    const failures: RegistryFailure[] = [];
    try {
      for (const endpoint of this.#toAsk(reference, access)) {
        const target = await this.#target(endpoint, reference, access);
        try {
          return await work(target);
        } catch (error) {
          this.#passBy(error, endpoint, failures);
        }
      }
      throw new ImageError('ErrImagePull', `cannot ${doing}: there is nobody to ask`);
    } catch (error) {
      throw imageError(error, doing, 'ErrImagePull', mirrorsToo(failures));
    }
  }

  /** Lets the failure of a mirror be. @throws any other */
  #passBy(error: unknown, endpoint: Endpoint, failures: RegistryFailure[]): void {
    if (!isFailure(error) || endpoint.mirrorOf === '') throw error;
    failures.push(error);
    const { authority, mirrorOf } = endpoint;
    this.#log.info({ mirror: authority, registry: mirrorOf, error: error.message }, 'a mirror was of no help');
    if (error.kind === 'unreachable') this.#avoid(endpoint, '', this.#config.mirrorPauseMs);
  }

  #avoid({ authority }: Endpoint, digest: string, ms: number): void {
    const key = digest === '' ? authority : `${authority} ${digest}`;
    this.#avoided.set(key, this.#env.clock.monotonic() + ms);
  }

  async #pushing<T>(
    reference: ImageReference,
    access: RegistryAccess,
    doing: string,
    work: (target: Target) => Promise<T>,
  ): Promise<T> {
    try {
      checkNames(reference);
      return await work(await this.#target(this.#endpoints.own(reference, access.plainHttp), reference, access));
    } catch (error) {
      throw imageError(error, doing, 'ErrImagePush');
    }
  }

  #saw({ endpoint, repository }: Target, digest: string): void {
    this.#seen.set(`${endpoint.authority} ${digest}`, repository);
  }
}

const wrongBytesMs = 3_600_000;

function mirrorsToo(failures: readonly RegistryFailure[]): string {
  if (failures.length === 0) return '';
  return ` (its mirrors were of no help: ${shown(failures.map(({ message }) => message).join('; '))})`;
}
