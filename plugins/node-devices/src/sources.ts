/** The device plugins of this node, by the resource that they offer. */
import type { Env, Logger, TimerHandle } from '@timonel/sdk';
import type { NodePartStatus } from '@timonel/sdk/contracts/node-parts';
import { qualifiedNameProblems } from '@timonel/sdk/kube';
import { DeviceSource } from './device-source.ts';

export interface SourcesOptions {
  readonly env: Env;
  readonly log: Logger;
  readonly timeoutMs: number;
  /** Devices of a plugin that is away are counted so long. */
  readonly goneAfterMs: number;
}

const resourcesLimit = 100;

export class Sources {
  readonly #options: SourcesOptions;
  readonly #sources = new Map<string, DeviceSource>();
  /** Offered once: the cluster is told that there are none, in place of nothing. */
  readonly #ever = new Set<string>();
  readonly #listeners = new Set<() => void>();
  readonly #timers = new Map<string, TimerHandle>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** Offered before the start. */
  remember(resources: readonly string[]): void {
    for (const resource of resources) this.#ever.add(resource);
  }

  /** All that pods may ask this node for. */
  get resources(): readonly string[] {
    return [...this.#ever].toSorted();
  }

  /** Undefined: its plugin was not seen since the start. */
  get(resource: string): DeviceSource | undefined {
    return this.#sources.get(resource);
  }

  /** In place of the plugin that offered the resource before. @throws Error */
  async add(resource: string, socket: string): Promise<void> {
    const problem = resourceProblem(resource);
    if (problem !== undefined) throw new Error(problem);
    if (!this.#ever.has(resource) && this.#ever.size >= resourcesLimit)
      throw new Error(`this node has ${resourcesLimit} resources of device plugins already`);
    const { env, log, timeoutMs } = this.#options;
    const changed = (): void => this.#changed(resource);
    const source = new DeviceSource({ resource, socket, env, log, timeoutMs, changed });
    try {
      await source.open();
    } catch (error) {
      source.close();
      throw error;
    }
    this.#sources.get(resource)?.close();
    this.#sources.set(resource, source);
    this.#ever.add(resource);
    log.info({ resource, socket }, 'device plugin registered');
    this.#changed(resource);
  }

  /** The plugin at that socket says that it goes. */
  remove(resource: string, socket: string): void {
    const source = this.#sources.get(resource);
    if (source?.socket !== socket) return;
    source.close();
    this.#changed(resource);
  }

  status(): NodePartStatus {
    const capacity: Record<string, string> = {};
    const allocatable: Record<string, string> = {};
    const now = this.#options.env.clock.monotonic();
    for (const resource of this.resources) {
      const source = this.#sources.get(resource);
      const isGone = source === undefined || now - (source.endedAt ?? now) > this.#options.goneAfterMs;
      capacity[resource] = String(isGone ? 0 : source.total);
      allocatable[resource] = String(isGone ? 0 : source.healthy.length);
    }
    return { capacity, allocatable };
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    for (const source of this.#sources.values()) source.close();
    this.#listeners.clear();
  }

  #changed(resource: string): void {
    this.#timers.get(resource)?.cancel();
    const { env, goneAfterMs } = this.#options;
    if (this.#sources.get(resource)?.endedAt !== undefined) {
      this.#timers.set(
        resource,
        env.timers.after(goneAfterMs + 1, () => this.#tell()),
      );
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** As the names of extended resources. */
function resourceProblem(resource: string): string | undefined {
  const domain = resource.includes('/') ? (resource.split('/')[0] ?? '') : '';
  const isOwn = domain === '' || domain === 'kubernetes.io' || domain.endsWith('.kubernetes.io');
  if (isOwn || resource.startsWith('requests.') || qualifiedNameProblems(resource).length > 0)
    return `the ResourceName "${resource}" is invalid: it must be of a domain of its own, like example.com/gpu`;
  return undefined;
}
