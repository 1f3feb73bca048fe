/** The container runtimes of this node by handler name. One is used only after what it already runs is known. */
import type { Many } from '@timonel/sdk';
import type { ContainerRuntime, ContainerStatus, RuntimeEvent, SandboxStatus } from '@timonel/sdk/contracts/runtime';
import { labelKeys } from '../plan/identity.ts';

/** What a runtime holds of one pod. */
export interface Holdings {
  readonly handler: string;
  readonly podUid: string;
  readonly sandboxes: SandboxStatus[];
  readonly containers: ContainerStatus[];
}

export function handlerOf(plugin: string): string {
  return plugin.replace(/^runtime-/, '');
}

export class Runtimes {
  readonly #providers: Many<ContainerRuntime>;
  readonly #nodeName: string;
  readonly #known = new Map<string, { runtime: ContainerRuntime; unsubscribe: () => void }>();

  constructor(providers: Many<ContainerRuntime>, nodeName: string) {
    this.#providers = providers;
    this.#nodeName = nodeName;
  }

  get(handler: string): ContainerRuntime | undefined {
    return this.#known.get(handler)?.runtime;
  }

  names(): string[] {
    return [...this.#known.keys()];
  }

  all(): readonly ContainerRuntime[] {
    return [...this.#known.values()].map((entry) => entry.runtime);
  }

  /** Lists what all runtimes hold for this node; runtimes that came are subscribed to, those that went are forgotten. */
  async list(onEvent: (event: RuntimeEvent) => void): Promise<Holdings[]> {
    const present = this.#providers.all().map(({ plugin, service }) => ({ handler: handlerOf(plugin), service }));
    for (const [handler, entry] of this.#known) {
      if (present.some((other) => other.handler === handler && other.service === entry.runtime)) continue;
      entry.unsubscribe();
      this.#known.delete(handler);
    }
    const holdings: Holdings[] = [];
    for (const { handler, service } of present) {
      holdings.push(...(await this.#holdingsOf(handler, service)));
      if (this.#known.has(handler)) continue;
      this.#known.set(handler, { runtime: service, unsubscribe: service.onEvent(onEvent) });
    }
    return holdings;
  }

  close(): void {
    for (const entry of this.#known.values()) entry.unsubscribe();
    this.#known.clear();
  }

  async #holdingsOf(handler: string, runtime: ContainerRuntime): Promise<Holdings[]> {
    const [sandboxes, containers] = await Promise.all([runtime.listSandboxes(), runtime.listContainers()]);
    const byPod = new Map<string, Holdings>();
    const podOfSandbox = new Map<string, string>();
    for (const sandbox of sandboxes) {
      if (sandbox.labels[labelKeys.nodeName] !== this.#nodeName) continue;
      podOfSandbox.set(sandbox.id, sandbox.podUid);
      const held = byPod.get(sandbox.podUid) ?? { handler, podUid: sandbox.podUid, sandboxes: [], containers: [] };
      held.sandboxes.push(sandbox);
      byPod.set(sandbox.podUid, held);
    }
    for (const container of containers) {
      const podUid = podOfSandbox.get(container.sandboxId);
      if (podUid !== undefined) byPod.get(podUid)?.containers.push(container);
    }
    return [...byPod.values()];
  }
}
