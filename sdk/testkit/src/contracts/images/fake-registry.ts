/** A registry in memory, by the contract of clients of registries. Its answers can be broken in every way a real one could break them. */
import { gzipSync } from 'node:zlib';
import { ImageError } from '@timonel/sdk/contracts/images';
import type {
  Descriptor,
  ImageReference,
  ImageRegistry,
  Manifest,
  RegistryAccess,
} from '@timonel/sdk/contracts/registry';
import { configurationOf, thisArchitecture, type ImageParts } from './archives.ts';
import { sha256Hex } from './tar-writer.ts';

/** What a test may change of an image before it gets there. */
export interface ImageChanges {
  /** Of the finished manifest. */
  readonly manifest?: (manifest: Record<string, unknown>) => Record<string, unknown>;
  readonly manifestType?: string;
  /** In place of gzip. */
  readonly compress?: (layer: Uint8Array) => Uint8Array;
}

type BlobHook = (digest: string, offset: number, bytes: Buffer, access: RegistryAccess) => AsyncIterable<Uint8Array>;

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';

export class FakeRegistry implements ImageRegistry {
  /** `resolve web:1`, `manifest sha256:…`, `blob sha256:… from 0`, `push …`. */
  readonly calls: string[] = [];
  readonly blobs: Map<string, Buffer> = new Map();
  readonly manifests: Map<string, Manifest> = new Map();
  readonly tags: Map<string, string> = new Map();
  /** Sends blobs in place of the registry itself. */
  sendBlob: BlobHook | undefined;
  isDown = false;

  /** Adds an image, or an index over several, under `repository:tag`. Returns the digest of what the tag names. */
  add(name: string, images: ImageParts | readonly ImageParts[], changes: ImageChanges = {}): string {
    const all = 'layers' in images ? [images] : images;
    const manifests = all.map((parts) => ({ parts, descriptor: this.#addManifest(parts, changes) }));
    const [only] = manifests;
    const isIndex = only === undefined || !('layers' in images);
    const digest = isIndex ? this.#addIndex(manifests) : only.descriptor.digest;
    this.tags.set(name, digest);
    return digest;
  }

  async resolve(reference: ImageReference, access: RegistryAccess): Promise<Descriptor> {
    const name = `${reference.repository}:${reference.tag}`;
    this.#called(`resolve ${reference.digest === '' ? name : reference.digest}`, access);
    const digest = reference.digest === '' ? this.tags.get(name) : reference.digest;
    const found = this.manifests.get(digest ?? '');
    if (found === undefined) throw new ImageError('ErrImagePull', `${name}: manifest unknown`);
    return { mediaType: found.mediaType, digest: found.digest, size: found.size };
  }

  async manifest(_reference: ImageReference, digest: string, access: RegistryAccess): Promise<Manifest> {
    this.#called(`manifest ${digest}`, access);
    const found = this.manifests.get(digest);
    if (found === undefined) throw new ImageError('ErrImagePull', `${digest}: manifest unknown`);
    return found;
  }

  async *blob(
    _reference: ImageReference,
    { digest }: Descriptor,
    access: RegistryAccess,
    offset = 0,
  ): AsyncGenerator<Uint8Array> {
    this.#called(`blob ${digest} from ${offset}`, access);
    const bytes = this.blobs.get(digest);
    if (bytes === undefined) throw new ImageError('ErrImagePull', `${digest}: blob unknown`);
    if (this.sendBlob !== undefined) return yield* this.sendBlob(digest, offset, bytes, access);
    yield* pieces(bytes.subarray(offset));
  }

  async hasBlob(_reference: ImageReference, digest: string, access: RegistryAccess): Promise<boolean> {
    this.#called(`has ${digest}`, access);
    return this.blobs.has(digest);
  }

  async pushBlob(
    _reference: ImageReference,
    { digest, size }: Descriptor,
    content: () => AsyncIterable<Uint8Array>,
    access: RegistryAccess,
  ): Promise<void> {
    this.#called(`push ${digest}`, access);
    const received: Uint8Array[] = [];
    for await (const piece of content()) received.push(piece);
    const bytes = Buffer.concat(received);
    if (bytes.length !== size || `sha256:${sha256Hex(bytes)}` !== digest) {
      throw new ImageError('ErrImagePush', `${digest}: other bytes came`);
    }
    this.blobs.set(digest, bytes);
  }

  async pushManifest(reference: ImageReference, manifest: Manifest, access: RegistryAccess): Promise<void> {
    this.#called(`push manifest ${manifest.digest}`, access);
    const document = JSON.parse(Buffer.from(manifest.bytes).toString()) as { layers: Descriptor[]; config: Descriptor };
    for (const { digest } of [document.config, ...document.layers]) {
      if (!this.blobs.has(digest)) throw new ImageError('ErrImagePush', `${digest}: manifest blob unknown`);
    }
    this.manifests.set(manifest.digest, manifest);
    this.tags.set(`${reference.repository}:${reference.tag}`, manifest.digest);
  }

  #called(what: string, { signal }: RegistryAccess): void {
    signal?.throwIfAborted();
    this.calls.push(what);
    if (this.isDown) throw new ImageError('RegistryUnavailable', 'the registry cannot be reached: connection refused');
  }

  #addManifest(
    parts: ImageParts,
    { manifest, manifestType = ociManifest, compress = gzipSync }: ImageChanges,
  ): Descriptor {
    const document = {
      schemaVersion: 2,
      mediaType: manifestType,
      config: this.#addBlob('application/vnd.oci.image.config.v1+json', configurationOf(parts)),
      layers: parts.layers.map((layer) =>
        this.#addBlob('application/vnd.oci.image.layer.v1.tar+gzip', Buffer.from(compress(layer))),
      ),
    };
    return this.#addDocument(manifestType, manifest?.(document) ?? document);
  }

  #addIndex(images: readonly { readonly parts: ImageParts; readonly descriptor: Descriptor }[]): string {
    const manifests = images.map(({ parts, descriptor }) => ({
      ...descriptor,
      platform: {
        os: 'linux',
        architecture: parts.architecture ?? thisArchitecture,
        ...(parts.variant === undefined ? {} : { variant: parts.variant }),
      },
    }));
    return this.#addDocument(ociIndex, { schemaVersion: 2, mediaType: ociIndex, manifests }).digest;
  }

  #addDocument(mediaType: string, document: unknown): Descriptor {
    const bytes = Buffer.from(JSON.stringify(document));
    const descriptor = { mediaType, digest: `sha256:${sha256Hex(bytes)}`, size: bytes.length };
    this.manifests.set(descriptor.digest, { ...descriptor, bytes });
    return descriptor;
  }

  #addBlob(mediaType: string, bytes: Buffer): Descriptor {
    const digest = `sha256:${sha256Hex(bytes)}`;
    this.blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }
}

export async function* pieces(bytes: Uint8Array, size: number = 16 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
