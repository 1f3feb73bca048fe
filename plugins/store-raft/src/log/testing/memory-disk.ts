import type { LogDisk, LogFile } from '../log-disk.ts';

interface Inode {
  content: Buffer;
}

type DirectoryChange =
  | { readonly type: 'link'; readonly name: string; readonly inode: Inode }
  | { readonly type: 'rename'; readonly from: string; readonly to: string; readonly inode: Inode }
  | { readonly type: 'remove'; readonly name: string };

/** crash: the step is done in part, and all that follow fail.   ENOSPC, EIO: it is done in part, later ones succeed. */
export type Fault = 'crash' | 'ENOSPC' | 'EIO';

const sectorBytes = 512;

/**
 * A disk that keeps what a real one has to keep: written bytes at once (as with O_DSYNC), names after a sync of the
 * directory. A crash leaves any part of the sectors of the write under way, and any part of the names not synced.
 */
export class MemoryDisk implements LogDisk {
  readonly #random: () => number;
  readonly #durable: Map<string, Inode>;
  readonly #live: Map<string, Inode>;
  #pending: DirectoryChange[] = [];
  #fault: { readonly kind: Fault; steps: number; times: number; inPart: boolean } | undefined;
  #crashed = false;

  constructor(random: () => number, files: ReadonlyMap<string, Inode> = new Map()) {
    this.#random = random;
    this.#durable = new Map(files);
    this.#live = new Map(files);
  }

  /** The step after so many others fails; with `times`, those behind it too, and nothing is done of them. */
  failAfter(steps: number, kind: Fault, times = 1): void {
    this.#fault = { kind, steps, times, inPart: true };
  }

  /** true: the fault has not happened yet, and will not. */
  disarm(): boolean {
    const armed = this.#fault !== undefined;
    this.#fault = undefined;
    return armed;
  }

  /** What is found after the machine has crashed. */
  afterCrash(): MemoryDisk {
    this.#crashed = true;
    const files = new Map(this.#durable);
    for (const change of this.#pending) if (this.#random() < 0.5) applyChange(files, change);
    return new MemoryDisk(this.#random, copyOf(files));
  }

  /** A disk of its own that holds what this one shows now. */
  copy(): MemoryDisk {
    return new MemoryDisk(this.#random, copyOf(this.#live));
  }

  content(name: string): Buffer {
    return this.#inode(name).content;
  }

  setContent(name: string, content: Buffer): void {
    this.#inode(name).content = content;
  }

  delete(name: string): void {
    this.#live.delete(name);
    this.#durable.delete(name);
  }

  names(): readonly string[] {
    return [...this.#live.keys()].toSorted();
  }

  /** Names and bytes of all, to be compared. */
  dump(): ReadonlyMap<string, string> {
    return new Map(this.names().map((name) => [name, this.content(name).toString('latin1')]));
  }

  pathOf(name: string): string {
    return `/memory/${name}`;
  }

  async list(): Promise<readonly { readonly name: string; readonly sizeBytes: number }[]> {
    return this.names().map((name) => ({ name, sizeBytes: this.content(name).byteLength }));
  }

  async read(name: string): Promise<Buffer> {
    return Buffer.from(this.#inode(name).content);
  }

  async allocate(name: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#step(() => undefined);
    this.#change({ type: 'link', name, inode: { content: Buffer.alloc(sizeBytes) } });
  }

  async open(name: string): Promise<LogFile> {
    const inode = this.#inode(name);
    return {
      write: async (bytes, position) => {
        const source = Buffer.from(bytes);
        if (position + source.byteLength > inode.content.byteLength) throw new Error('a write past the end of a file');
        await this.#step(() => this.#tear(source, inode.content, position));
        source.copy(inode.content, position);
      },
      close: async () => undefined,
    };
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step(() => undefined);
    this.#change({ type: 'rename', from, to, inode: this.#inode(from) });
  }

  async remove(name: string): Promise<void> {
    await this.#step(() => undefined);
    this.#change({ type: 'remove', name });
  }

  async syncDirectory(): Promise<void> {
    await this.#step(() => undefined);
    for (const change of this.#pending) applyChange(this.#durable, change);
    this.#pending = [];
  }

  /** Throws when it is this step's turn to fail, after `inPart`. */
  async #step(inPart: () => void): Promise<void> {
    // So that what runs beside each other comes in any order.
    for (let turns = 1 + Math.floor(this.#random() * 4); turns > 0; turns -= 1) await Promise.resolve();
    if (this.#crashed) throw new Error('the machine has crashed');
    if (this.#fault === undefined || this.#fault.steps-- > 0) return;
    const { kind, inPart: isFirst } = this.#fault;
    this.#fault.inPart = false;
    this.#fault.times -= 1;
    if (this.#fault.times === 0) this.#fault = undefined;
    this.#crashed = kind === 'crash';
    if (isFirst) inPart();
    throw Object.assign(new Error(`injected ${kind}`), { code: kind });
  }

  #tear(source: Buffer, target: Buffer, position: number): void {
    let from = 0;
    while (from < source.byteLength) {
      const to = Math.min(source.byteLength, from + sectorBytes - ((position + from) % sectorBytes));
      if (this.#random() < 0.6) source.copy(target, position + from, from, to);
      from = to;
    }
  }

  #change(change: DirectoryChange): void {
    applyChange(this.#live, change);
    this.#pending.push(change);
  }

  #inode(name: string): Inode {
    const inode = this.#live.get(name);
    if (inode === undefined) throw Object.assign(new Error(`there is no ${name}`), { code: 'ENOENT' });
    return inode;
  }
}

function applyChange(files: Map<string, Inode>, change: DirectoryChange): void {
  if (change.type === 'link') files.set(change.name, change.inode);
  else if (change.type === 'remove') files.delete(change.name);
  else {
    if (files.get(change.from) === change.inode) files.delete(change.from);
    files.set(change.to, change.inode);
  }
}

function copyOf(files: ReadonlyMap<string, Inode>): Map<string, Inode> {
  return new Map([...files].map(([name, { content }]) => [name, { content: Buffer.from(content) }]));
}
