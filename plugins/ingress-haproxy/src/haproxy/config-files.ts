/** The directory of the configurations: each generation has its own files, and one text names them. */
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Rendered } from './render.ts';
import { sectionText, type Section } from './sections.ts';
import type { Slot } from './slots.ts';

export class ConfigFiles {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** What the master reads. */
  get current(): string {
    return join(this.#dataDir, 'haproxy.cfg');
  }

  get #next(): string {
    return join(this.#dataDir, 'haproxy.next.cfg');
  }

  #directory(generation: string): string {
    return join(this.#dataDir, `files-${generation}`);
  }

  /** Makes the empty root of the workers. */
  async emptyRoot(): Promise<string> {
    const root = join(this.#dataDir, 'empty');
    await mkdir(root, { recursive: true });
    await chmod(root, 0o555);
    return root;
  }

  /** Writes a generation beside the current one; answers the path of its text. */
  async write(
    generation: string,
    rendered: Rendered,
    socket: string,
    slotsOf: (section: Section) => readonly Slot[],
  ): Promise<string> {
    const directory = this.#directory(generation);
    await rm(directory, { recursive: true, force: true });
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const placed = (text: string): string => text.replaceAll('{dir}/', `${directory}/`);
    for (const [name, text] of rendered.files) {
      await writeFile(join(directory, name), name.endsWith('.certs') ? placed(text) : text, { mode: 0o600 });
    }
    const [head = '', ...rest] = rendered.global;
    const text = [
      head,
      `  stats socket ${socket} mode 600 level admin expose-fd listeners`,
      ...rest,
      ...rendered.frontends.map(placed),
      ...rendered.sections.flatMap((section) => sectionText(section, slotsOf(section))),
      '',
    ].join('\n');
    await writeFile(this.#next, text, { mode: 0o600 });
    return this.#next;
  }

  /** The written generation becomes the current one. */
  async accept(): Promise<void> {
    await rename(this.#next, this.current);
  }

  /** Removes the files of a generation that is not accepted. */
  async remove(generation: string): Promise<void> {
    await rm(this.#directory(generation), { recursive: true, force: true });
  }

  /** Removes the files of all other generations. */
  async clear(generation: string | undefined): Promise<void> {
    for (const name of await readdir(this.#dataDir)) {
      if (name.startsWith('files-') && name !== `files-${generation}`) {
        await rm(join(this.#dataDir, name), { recursive: true, force: true });
      }
    }
  }
}
