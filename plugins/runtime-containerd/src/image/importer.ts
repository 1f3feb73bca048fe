import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage, type Env } from '@timonel/sdk';
import { mustRun } from '@timonel/sdk/command';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';
import type { ImageService } from '@timonel/sdk/contracts/images';
import { RuntimeError, type RootFilesystem } from '@timonel/sdk/contracts/runtime';
import { criNamespace, type Channel } from '../cri/channel.ts';
import { pauseArchive, pauseImage } from './pause-image.ts';

/** The CRI hears of an image that was imported by an event. */
const visibleMs = { limit: 3000, step: 50 };
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export interface ImporterOptions {
  readonly channel: Channel;
  readonly env: Env;
  readonly dataDir: string;
  readonly socket: string;
  readonly ctr: string;
  /** Undefined: no image service runs; only images that containerd has already can be used. */
  images(): Pick<ImageService, 'exportArchive' | 'list'> | undefined;
}

/** An archive may have packed the layers anew: then the image has another id in containerd, and is found by this name. */
function nameOf(imageId: string): string {
  return `timonel.local/imported/${imageId.replace(/^.*:/, '').slice(0, 64)}:1`;
}

/** Brings images of this node's image service into containerd's own store: each once, however many ask for it. */
export class Importer {
  readonly #options: ImporterOptions;
  readonly #underWay = new Map<string, Promise<string>>();
  #scratch = 0;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: ImporterOptions) {
    this.#options = options;
  }

  /** Removes what a crash left. */
  async open(): Promise<void> {
    await rm(this.#scratchDirectory, { recursive: true, force: true });
    await mkdir(this.#scratchDirectory, { recursive: true, mode: 0o700 });
  }

  /** What containerd calls the image. @throws RuntimeError CreateContainerError */
  ensure(image: Pick<RootFilesystem, 'imageId' | 'reference'>): Promise<string> {
    return this.#once(image.imageId, async () => {
      const found = (await this.#idOf(image.imageId)) ?? (await this.#idOf(nameOf(image.imageId)));
      if (found !== undefined) return found;
      const images = this.#options.images();
      const refuse = (why: string, cause?: unknown): RuntimeError =>
        new RuntimeError('CreateContainerError', `image ${image.reference} (${image.imageId}): ${why}`, { cause });
      if (images === undefined) {
        throw refuse('containerd does not have it, and no image service runs that could hand it over');
      }
      try {
        await this.#withScratch(async (path) => {
          // By its id: the name may stand for another one by now.
          await images.exportArchive([image.imageId], path);
          await this.#import(path, ['--index-name', nameOf(image.imageId)]);
        });
        await this.#change((ids) => [...new Set([...ids, image.imageId])]);
        return await this.#visible(nameOf(image.imageId));
      } catch (error) {
        throw refuse(`it cannot be handed to containerd: ${errorMessage(error)}`, error);
      }
    });
  }

  /** The sandbox image, when containerd is set to use ours. */
  async ensurePause(sandboxImage: string): Promise<void> {
    if (sandboxImage !== pauseImage) return;
    await this.#once(pauseImage, async () => {
      const found = await this.#idOf(pauseImage);
      if (found !== undefined) return found;
      await this.#withScratch(async (path) => {
        await writeFile(path, pauseArchive(architectures[process.arch] ?? process.arch), { mode: 0o600 });
        await this.#import(path);
      });
      return await this.#visible(pauseImage);
    });
  }

  /** Removes from containerd what we brought there and neither the image service nor a container has any more. */
  async prune(inUse: ReadonlySet<string>): Promise<void> {
    const images = this.#options.images();
    const imported = await this.#imported();
    if (images === undefined || imported.length === 0) return;
    const kept = new Set((await images.list()).map(({ id }) => id));
    const gone = imported.filter((id) => !kept.has(id) && !inUse.has(id) && !this.#underWay.has(id));
    for (const id of gone) await this.#options.channel.call('RemoveImage', { image: { image: nameOf(id) } });
    if (gone.length > 0) await this.#change((ids) => ids.filter((id) => !gone.includes(id)));
  }

  get #scratchDirectory(): string {
    return join(this.#options.dataDir, 'scratch');
  }

  get #importedFile(): string {
    return join(this.#options.dataDir, 'imported.json');
  }

  #once(key: string, work: () => Promise<string>): Promise<string> {
    const running = this.#underWay.get(key) ?? work().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, running);
    return running;
  }

  async #idOf(image: string): Promise<string | undefined> {
    return (await this.#options.channel.call('ImageStatus', { image: { image } })).image?.id;
  }

  async #visible(image: string): Promise<string> {
    const { clock, timers } = this.#options.env;
    const until = clock.monotonic() + visibleMs.limit;
    for (;;) {
      const id = await this.#idOf(image);
      if (id !== undefined) return id;
      if (clock.monotonic() > until) throw new Error(`containerd does not show ${image} after its import`);
      await timers.sleep(visibleMs.step);
    }
  }

  async #import(path: string, options: readonly string[] = []): Promise<void> {
    const { ctr, socket } = this.#options;
    const limits = ['--connect-timeout', '10s', '--timeout', '10m'];
    const call = ['--address', socket, '--namespace', criNamespace, ...limits];
    await mustRun(ctr, [...call, 'images', 'import', ...options, path]);
  }

  async #withScratch(work: (path: string) => Promise<void>): Promise<void> {
    this.#scratch += 1;
    const path = join(this.#scratchDirectory, `${this.#scratch}.tar`);
    try {
      await work(path);
    } finally {
      await rm(path, { force: true });
    }
  }

  async #imported(): Promise<string[]> {
    try {
      return JSON.parse((await readFileIfThere(this.#importedFile)) ?? '[]') as string[];
    } catch {
      return [];
    }
  }

  /** One after another. */
  #change(change: (ids: string[]) => string[]): Promise<void> {
    const written = this.#writing.then(async () => {
      await writeFileAtomically(this.#importedFile, JSON.stringify(change(await this.#imported())));
    });
    this.#writing = written.catch(() => undefined);
    return written;
  }
}
