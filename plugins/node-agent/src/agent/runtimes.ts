/** The container runtimes of this node by handler name. One is used only after what it already runs is known. */
import { errorMessage, type Env, type Many } from '@timonel/sdk';
import type { ContainerRuntime, ContainerStatus, RuntimeEvent, SandboxStatus } from '@timonel/sdk/contracts/runtime';
import { labelKeys } from '../plan/identity.ts';
import { endsWithin } from './ends-within.ts';

/** What a runtime holds of one pod. */
export interface Holdings {
  readonly handler: string;
  readonly podUid: string;
  readonly sandboxes: SandboxStatus[];
  readonly containers: ContainerStatus[];
}

export interface Listing {
  readonly holdings: readonly Holdings[];
  /** Handlers of the runtimes that answered. */
  readonly listed: ReadonlySet<string>;
  /** Why the others did not. */
  readonly failed: ReadonlyMap<string, string>;
}

/** A runtime that takes longer is left out this time. */
const listLimitMs = 10_000;

export function handlerOf(plugin: string): string {
  return plugin.replace(/^runtime-/, '');
}

/** That a runtime is not on this node, and what to do. */
export function absentRuntime(handler: string, names: readonly string[]): string {
  const known = names.join(', ') || 'none';
  return `no container runtime "${handler}" on this node (there are: ${known}): run "timonel plugin enable runtime-${handler}"`;
}

export class Runtimes {
  readonly #providers: Many<ContainerRuntime>;
  readonly #nodeName: string;
  readonly #env: Env;
  readonly #known = new Map<string, { runtime: ContainerRuntime; unsubscribe: () => void }>();

  constructor(providers: Many<ContainerRuntime>, nodeName: string, env: Env) {
    this.#providers = providers;
    this.#nodeName = nodeName;
    this.#env = env;
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

  /**
   * Lists what the runtimes hold for this node; those that came are subscribed to, those that went are forgotten. One that does not
   * answer keeps nobody else waiting.
   */
  async list(onEvent: (event: RuntimeEvent) => void): Promise<Listing> {
    const present = this.#providers.all().map(({ plugin, service }) => ({ handler: handlerOf(plugin), service }));
    for (const [handler, entry] of this.#known) {
      if (present.some((other) => other.handler === handler && other.service === entry.runtime)) continue;
      entry.unsubscribe();
      this.#known.delete(handler);
    }
    const found = await Promise.all(present.map(({ handler, service }) => this.#listOne(handler, service, onEvent)));
    const ofHandler = (at: number): string => present[at]?.handler ?? '';
    return {
      holdings: found.flatMap((each) => ('holdings' in each ? each.holdings : [])),
      listed: new Set(found.flatMap((each, at) => ('holdings' in each ? [ofHandler(at)] : []))),
      failed: new Map(found.flatMap((each, at) => ('error' in each ? [[ofHandler(at), each.error]] : []))),
    };
  }

  async #listOne(
    handler: string,
    runtime: ContainerRuntime,
    onEvent: (event: RuntimeEvent) => void,
  ): Promise<{ readonly holdings: Holdings[] } | { readonly error: string }> {
    try {
      const listing = this.#holdingsOf(handler, runtime);
      if (!(await endsWithin(this.#env, listLimitMs, listing))) return { error: `no answer within ${listLimitMs} ms` };
      const holdings = await listing;
      if (!this.#known.has(handler)) this.#known.set(handler, { runtime, unsubscribe: runtime.onEvent(onEvent) });
      return { holdings };
    } catch (error) {
      return { error: errorMessage(error) };
    }
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
