/** Which container has which devices: on the disk before a container gets them, so that no device is given twice. */
import type { DeviceGrant } from '@timonel/sdk/contracts/devices';
import { readFileIfThere, writeFileAtomically } from '@timonel/sdk/files';

export interface Allocation {
  readonly podUid: string;
  readonly podNamespace: string;
  readonly podName: string;
  readonly container: string;
  readonly resource: string;
  readonly devices: readonly string[];
  readonly grant: DeviceGrant;
}

interface Written {
  readonly version: 1;
  readonly resources: readonly string[];
  readonly allocations: readonly Allocation[];
}

export class Allocations {
  readonly #file: string;
  readonly #resources: () => readonly string[];
  #all: readonly Allocation[] = [];
  /** Set aside for a pod whose allocation is under way: `resource`, then ids. */
  readonly #reserved = new Map<string, Set<string>>();
  #writing: Promise<void> = Promise.resolve();

  /** `resources`: what is to be remembered to have been offered here. */
  constructor(file: string, resources: () => readonly string[]) {
    this.#file = file;
    this.#resources = resources;
  }

  /** Answers the resources that were offered. @throws Error when the file is damaged: who has what is not known then */
  async load(): Promise<readonly string[]> {
    const text = await readFileIfThere(this.#file);
    if (text === undefined) return [];
    const { version, resources, allocations } = this.#parsed(text);
    if ((version as number) !== 1 || !Array.isArray(allocations))
      throw new Error(`${this.#file} is not of this version`);
    this.#all = allocations;
    return resources;
  }

  all(): readonly Allocation[] {
    return this.#all;
  }

  of(podUid: string, container?: string): readonly Allocation[] {
    return this.#all.filter(
      (each) => each.podUid === podUid && (container === undefined || each.container === container),
    );
  }

  /** Ids that are somebody's, or are about to be. */
  taken(resource: string): ReadonlySet<string> {
    const given = this.#all.filter((each) => each.resource === resource).flatMap(({ devices }) => devices);
    return new Set([...given, ...(this.#reserved.get(resource) ?? [])]);
  }

  reserve(resource: string, ids: readonly string[]): void {
    const reserved = this.#reserved.get(resource) ?? new Set();
    for (const id of ids) reserved.add(id);
    this.#reserved.set(resource, reserved);
  }

  unreserve(resource: string, ids: readonly string[]): void {
    for (const id of ids) this.#reserved.get(resource)?.delete(id);
  }

  async add(allocations: readonly Allocation[]): Promise<void> {
    this.#all = [...this.#all, ...allocations];
    await this.write();
  }

  /** Frees the devices of pods. */
  async remove(gone: (podUid: string) => boolean): Promise<void> {
    const kept = this.#all.filter(({ podUid }) => !gone(podUid));
    if (kept.length === this.#all.length) return;
    this.#all = kept;
    await this.write();
  }

  /** One after the other; the last one has all. */
  write(): Promise<void> {
    const write = async (): Promise<void> => {
      const written: Written = { version: 1, resources: this.#resources(), allocations: this.#all };
      await writeFileAtomically(this.#file, JSON.stringify(written));
    };
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }

  #parsed(text: string): Written {
    try {
      return JSON.parse(text) as Written;
    } catch (error) {
      const what = 'which containers have which devices is not known: remove it when none of them runs';
      throw new Error(`${this.#file} is damaged, so ${what}`, { cause: error });
    }
  }
}
