/** Which runtime a pod has: chosen once by its class, the same for as long as the pod lives, and sometimes away. */
import type { ContainerRuntime } from '@timonel/sdk/contracts/runtime';
import type { Pod } from '@timonel/sdk/kube';
import type { Assignment } from '../checkpoint/checkpoint-file.ts';
import { absentRuntime, type Holdings } from './runtimes.ts';
import type { AgentServices } from './services.ts';

type Services = Pick<AgentServices, 'runtimes' | 'classes'>;

export class PodRuntime {
  readonly #services: Services;
  #handler: string | undefined;
  /** Sandboxes that a former agent left to a runtime which was not listed since. */
  #leftTo: readonly string[];

  /** `former`: what another agent gave the pod. */
  constructor(services: Services, former: Assignment | undefined) {
    this.#services = services;
    this.#handler = former?.handler;
    this.#leftTo = former?.sandboxes ?? [];
  }

  /** Undefined: not known yet. */
  get handler(): string | undefined {
    return this.#handler;
  }

  get leftTo(): readonly string[] {
    return this.#leftTo;
  }

  /** That which the pod was made with. @throws Error when it is not on the node now */
  get(): ContainerRuntime {
    if (this.#handler === undefined) throw new Error('the pod has no runtime yet');
    return this.#present(this.#handler);
  }

  /** That of the pod's next sandbox. @throws Error when it is not on the node, ConfigError when the pod's class does not exist */
  async choose(pod: Pod): Promise<ContainerRuntime> {
    const handler = this.#handler ?? (await this.#services.classes.handlerOf(pod));
    const runtime = this.#present(handler);
    this.#handler = handler;
    return runtime;
  }

  adopt({ handler, sandboxes }: Holdings): void {
    if (sandboxes.length > 0) this.#handler = handler;
    this.#leftTo = this.#leftTo.filter((id) => !sandboxes.some((sandbox) => sandbox.id === id));
  }

  /** It said all that it holds. */
  listed(): void {
    this.#leftTo = [];
  }

  /** There are sandboxes of the pod, and nobody who knows them: nothing may be done or said until their runtime is back. */
  isAway(known: ReadonlyMap<string, unknown>): boolean {
    if (this.#handler === undefined || this.#services.runtimes.get(this.#handler) !== undefined) return false;
    return known.size > 0 || this.#leftTo.length > 0;
  }

  /** Why. */
  absence(): string {
    return absentRuntime(this.#handler ?? '', this.#services.runtimes.names());
  }

  #present(handler: string): ContainerRuntime {
    const runtime = this.#services.runtimes.get(handler);
    if (runtime !== undefined) return runtime;
    throw new Error(absentRuntime(handler, this.#services.runtimes.names()));
  }
}
