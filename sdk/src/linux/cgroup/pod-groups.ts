import type { Env } from '../../kernel/index.ts';
import type { LinuxResources, SandboxConfig } from '../../contracts/runtime/index.ts';
import type { CgroupDriver } from './driver.ts';
import { removeGroups } from './removal.ts';
import { smallestShares } from './shares.ts';

type QosClass = SandboxConfig['qosClass'];
type Sized = Pick<SandboxConfig, 'qosClass' | 'resources' | 'together'>;

const classes: Readonly<Record<QosClass, string>> = {
  Guaranteed: '',
  Burstable: 'burstable',
  BestEffort: 'besteffort',
};
const classNames = Object.values(classes).filter((name) => name !== '');

/**
 * The tree of groups of one runtime: pods with guaranteed resources at the top, the others below a group of their class, so that
 * all best-effort pods together get the cpu time of next to nothing when it is short, and burstable ones what they ask for together.
 */
export class PodGroups {
  readonly #driver: CgroupDriver;
  readonly #env: Env;
  readonly #root: string;
  readonly #sandbox: (id: string) => Sized | undefined;
  /** Shares of the classes as they were written last. */
  readonly #written = new Map<string, number>();
  /** Memory limit of all pods together, as it was written last. */
  #limitBytes: number | undefined;
  /** Classes that may have a group. */
  readonly #inUse = new Set<string>(classNames);

  constructor(driver: CgroupDriver, env: Env, root: string, sandbox: (id: string) => Sized | undefined) {
    this.#driver = driver;
    this.#env = env;
    this.#root = root;
    this.#sandbox = sandbox;
  }

  ofSandbox(id: string): string {
    const name = classes[this.#sandbox(id)?.qosClass ?? 'Guaranteed'];
    this.#inUse.add(name); // whoever asks may make it
    return name === '' ? `${this.#root}/${id}` : `${this.#root}/${name}/${id}`;
  }

  ofContainer(sandboxId: string, id: string): string {
    return `${this.ofSandbox(sandboxId)}/${id}`;
  }

  /** After a pod came, went or was resized. A class without pods has no group. */
  weigh(sandboxes: readonly Sized[]): void {
    for (const qosClass of ['Burstable', 'BestEffort'] as const) {
      const path = `${this.#root}/${classes[qosClass]}`;
      const those = sandboxes.filter((sandbox) => sandbox.qosClass === qosClass);
      if (those.length === 0) this.#drop(path, classes[qosClass]);
      else this.#share(path, qosClass === 'BestEffort' ? smallestShares : sharesOf(those));
    }
    if (sandboxes.length > 0) this.#limit(sandboxes.at(-1)?.together?.memoryLimitBytes ?? -1);
    else if (this.#driver.remove(this.#root)) this.#limitBytes = undefined;
  }

  #limit(memoryLimitBytes: number): void {
    if (this.#limitBytes === memoryLimitBytes) return;
    try {
      this.#driver.update(this.#root, { memoryLimitBytes });
      this.#limitBytes = memoryLimitBytes;
    } catch {
      // More is in use: when the next pod comes or goes it is tried again.
    }
  }

  #share(path: string, cpuShares: number): void {
    if (this.#written.get(path) === cpuShares) return;
    this.#driver.create(path, { cpuShares });
    this.#written.set(path, cpuShares);
  }

  /** Only when it is empty: a pod may be leaving it still. */
  #drop(path: string, name: string): void {
    this.#written.delete(path);
    if (this.#inUse.has(name) && this.#driver.remove(path)) this.#inUse.delete(name);
  }

  /** Removes groups of sandboxes and containers of which a crash left nothing else. */
  async removeStrays(containersOf: (sandboxId: string) => ReadonlySet<string>): Promise<void> {
    for (const name of ['', ...classNames]) {
      const above = name === '' ? this.#root : `${this.#root}/${name}`;
      for (const id of this.#driver.children(above)) {
        if (name === '' && classNames.includes(id)) continue;
        await this.#removeStray(`${above}/${id}`, id, containersOf(id));
      }
    }
  }

  async #removeStray(path: string, sandboxId: string, known: ReadonlySet<string>): Promise<void> {
    const isKnown = this.#sandbox(sandboxId) !== undefined && this.ofSandbox(sandboxId) === path;
    if (!isKnown) return await removeGroups(this.#driver, path, this.#env);
    for (const id of this.#driver.children(path)) {
      if (!known.has(id)) await removeGroups(this.#driver, `${path}/${id}`, this.#env);
    }
  }
}

function sharesOf(sandboxes: readonly { readonly resources: LinuxResources }[]): number {
  const sum = sandboxes.reduce((total, { resources }) => total + (resources.cpuShares ?? 0), 0);
  return Math.max(smallestShares, sum);
}
