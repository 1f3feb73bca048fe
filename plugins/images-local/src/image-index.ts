import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { ImageError, type ImageConfig } from '@timonel/sdk/contracts/images';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import type { Compression } from './unpack/tar-stream.ts';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

export interface LayerRecord {
  /** Names the layer upon exactly those below it, and its directory. */
  readonly chainId: string;
  readonly sizeBytes: number;
  /** The layer's tar as it came, kept for pushes and exports. Undefined: there is none (the image of this host, older imports). */
  readonly blob?: LayerBlob | undefined;
}

export interface LayerBlob {
  readonly digest: string;
  readonly size: number;
  readonly compression: Compression;
}

export interface ImageRecord {
  readonly id: string;
  readonly references: readonly string[];
  /** Digests of the manifests that led to this configuration; empty for docker-archives. */
  readonly manifestDigests: readonly string[];
  /** Bottom first. */
  readonly layers: readonly LayerRecord[];
  /** RFC 3339 or empty. */
  readonly created: string;
  readonly config: ImageConfig;
  /** `os/architecture[/variant]`. */
  readonly platform?: string | undefined;
  /** Digest of the kept manifest whose layers are the kept ones, so that a push sends what was pulled. */
  readonly manifest?: LayerManifest | undefined;
  /** When a container was last made of it or seen with it, or it came here: ms since the epoch. */
  readonly usedAt?: number | undefined;
  /** Its files may not be on the disk yet. Begins with the boot in which that is no harm. */
  readonly unsettled?: string | undefined;
}

export interface LayerManifest {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
}

export interface ImageIndexContent {
  readonly version: 1;
  readonly images: readonly ImageRecord[];
}

const layer = z.strictObject({
  chainId: digest,
  sizeBytes: z.number(),
  blob: z.strictObject({ digest, size: z.number(), compression: z.enum(['none', 'gzip', 'zstd']) }).optional(),
});

const indexSchema: z.ZodType<ImageIndexContent> = z.strictObject({
  version: z.literal(1),
  images: z.array(
    z.strictObject({
      id: digest,
      references: z.array(z.string()),
      manifestDigests: z.array(digest),
      layers: z.array(layer).min(1),
      created: z.string(),
      config: z.strictObject({
        entrypoint: z.array(z.string()),
        cmd: z.array(z.string()),
        env: z.array(z.string()),
        workingDir: z.string(),
        user: z.string(),
        stopSignal: z.string(),
        exposedPorts: z.array(z.string()),
        labels: z.record(z.string(), z.string()),
      }),
      platform: z.string().optional(),
      manifest: z.strictObject({ digest, size: z.number(), mediaType: z.string() }).optional(),
      usedAt: z.number().optional(),
      unsettled: z.string().optional(),
    }),
  ),
});

/** The file that says which images the store holds. Read again whenever another process has replaced it. */
export class ImageIndex {
  readonly path: string;
  #stamp = '';
  #content: ImageIndexContent = { version: 1, images: [] };

  constructor(dataDir: string) {
    this.path = join(dataDir, 'index.json');
  }

  async read(): Promise<ImageIndexContent> {
    const stamp = await this.#fileStamp();
    if (stamp === this.#stamp) return this.#content;
    const text = await readFileIfThere(this.path);
    this.#content = text === undefined ? { version: 1, images: [] } : this.#parse(text);
    this.#stamp = stamp;
    return this.#content;
  }

  /** Call with the store's lock held. */
  async write(images: readonly ImageRecord[]): Promise<void> {
    await writeFileAtomically(this.path, `${JSON.stringify({ version: 1, images }, undefined, 1)}\n`);
    this.#stamp = '';
  }

  #parse(text: string): ImageIndexContent {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw this.#corrupt('it is not JSON', cause);
    }
    const parsed = indexSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    const issue = parsed.error.issues[0];
    throw this.#corrupt(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'unknown'}`, parsed.error);
  }

  #corrupt(why: string, cause: unknown): ImageError {
    return new ImageError(
      'ImageInspectError',
      `the image index ${this.path} cannot be used (${why}); nothing was changed. Restore the file, or remove the folder and import the images again`,
      { cause },
    );
  }

  // A rename gives the path a new inode, and the time catches a reused inode number.
  async #fileStamp(): Promise<string> {
    try {
      const found = await stat(this.path, { bigint: true });
      return `${found.ino}.${found.mtimeNs}.${found.size}`;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'absent';
      throw error;
    }
  }
}
