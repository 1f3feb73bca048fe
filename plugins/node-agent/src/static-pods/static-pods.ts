/** The static pods of this node: those of its directory run, whatever the API says or whether it is there. */
import { errorMessage, type Env, type Logger } from '@timonel/sdk';
import type { Pod } from '@timonel/sdk/kube';
import { readManifests, WatchedDirectory } from './directory.ts';
import { fullNameOf } from './identity.ts';
import { podsOf } from './manifest.ts';

export interface StaticPodsParts {
  /** Absolute. */
  readonly path: string;
  readonly nodeName: string;
  readonly env: Env;
  readonly log: Logger;
  readonly intervalMs: number;
  /** All pods that this node works on, static or not, those included that it ends. */
  worked(): readonly Pod[];
  /** Works on it from now on. */
  begin(pod: Pod): void;
  end(pod: Pod): void;
  /** Something of a manifest is wrong: told once. */
  refused(file: string, problem: string): void;
  /** What is worked on is another now. */
  changed(): void;
}

interface KnownFile {
  readonly text: string;
  readonly pods: readonly Pod[];
}

export class StaticPods {
  readonly #parts: StaticPodsParts;
  readonly #directory: WatchedDirectory;
  /** The last good version of each, by file. */
  readonly #files = new Map<string, KnownFile>();
  /** As they were told, by file. */
  #problems: ReadonlyMap<string, string> = new Map();
  /** By uid. */
  #wanted: ReadonlyMap<string, Pod> = new Map();
  /** By uid, those whose work began. */
  readonly #begun = new Map<string, Pod>();
  #isKnown = false;
  #isOpen = false;
  #reading: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(parts: StaticPodsParts) {
    const { path, env, intervalMs } = parts;
    this.#parts = parts;
    this.#directory = new WatchedDirectory({ path, env, intervalMs, changed: () => void this.read() });
  }

  /** Before anything is begun: what is wanted is known when this resolves. */
  async open(): Promise<void> {
    await this.read();
    if (!this.#closed) this.#directory.start();
  }

  /** What runs already is known: others may begin. */
  start(): void {
    this.#isOpen = true;
    this.settle();
  }

  async stop(): Promise<void> {
    this.#closed = true;
    this.#directory.stop();
    await this.#reading;
  }

  /** The directory was read once, so that what is not in it is not wanted. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  isWanted(uid: string): boolean {
    return this.#wanted.has(uid);
  }

  /** Those that are worked on. */
  begun(): readonly Pod[] {
    return [...this.#begun.values()];
  }

  /** Ends what is not wanted any more, begins what is; one whose name another pod of this node has waits for that to be gone. */
  settle(): void {
    if (!this.#isOpen || this.#closed) return;
    let changed = false;
    for (const [uid, pod] of this.#begun) {
      if (this.#wanted.has(uid)) continue;
      this.#begun.delete(uid);
      this.#parts.end(pod);
      changed = true;
    }
    const taken = new Set(this.#parts.worked().map(fullNameOf));
    for (const [uid, pod] of this.#wanted) {
      if (this.#begun.has(uid) || taken.has(fullNameOf(pod))) continue;
      this.#begun.set(uid, pod);
      this.#parts.begin(pod);
      changed = true;
    }
    if (changed) this.#parts.changed();
  }

  /** Two at a time are one after the other, and not more. */
  read(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#again = true;
      return this.#reading;
    }
    this.#reading = this.#readUntilStill().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readUntilStill(): Promise<void> {
    do {
      this.#again = false;
      await this.#readOnce();
    } while (this.#again && !this.#closed);
    this.settle();
  }

  async #readOnce(): Promise<void> {
    const { path, log, nodeName } = this.#parts;
    try {
      const { files, problems } = await readManifests(path);
      const found = new Map(problems);
      const present = new Set([...files.map(({ name }) => name), ...problems.keys()]);
      for (const name of this.#files.keys()) if (!present.has(name)) this.#files.delete(name);
      for (const file of files) {
        if (this.#files.get(file.name)?.text === file.text) continue;
        const { pods, problem } = podsOf(file, nodeName);
        // One that is wrong now leaves the pods of its last good version running.
        if (problem === undefined) this.#files.set(file.name, { text: file.text, pods });
        else found.set(file.name, problem);
      }
      this.#want(found);
      this.#isKnown = true;
      this.#tell(found);
    } catch (error) {
      log.warn({ path, error: errorMessage(error) }, 'the static pods cannot be read: they stay as they are');
    }
  }

  /** The first of a name has it. */
  #want(problems: Map<string, string>): void {
    const wanted = new Map<string, Pod>();
    const owners = new Map<string, string>();
    for (const [file, { pods }] of [...this.#files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      for (const pod of pods) {
        const name = fullNameOf(pod);
        const owner = owners.get(name);
        if (owner === undefined) {
          owners.set(name, file);
          wanted.set(pod.metadata.uid ?? '', pod);
        } else problems.set(file, `pod ${name} is in ${owner} already`);
      }
    }
    this.#wanted = wanted;
  }

  #tell(problems: ReadonlyMap<string, string>): void {
    for (const [file, problem] of problems) {
      if (this.#problems.get(file) !== problem) this.#parts.refused(file, problem);
    }
    this.#problems = problems;
  }
}
