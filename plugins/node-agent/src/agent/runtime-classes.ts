/** Which runtime a pod is to have, by its RuntimeClass. */
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { Informer, readThrough, type ControllerHost } from '@timonel/sdk/controller';
import { runtimeClasses, type Pod, type RuntimeClass } from '@timonel/sdk/kube';
import type { RememberedSources } from '../checkpoint/remembered-sources.ts';
import { ConfigError } from '../container/config-error.ts';

export interface RuntimeClassParts {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly sources: Pick<RememberedSources, 'runtimeClass'>;
  /** Of pods that name no class. */
  readonly defaultHandler: string;
  /** A class came, with this name. */
  came(name: string): void;
}

export class RuntimeClasses {
  readonly #parts: RuntimeClassParts;
  readonly #informer: Informer<RuntimeClass>;

  constructor(parts: RuntimeClassParts) {
    this.#parts = parts;
    this.#informer = new Informer(parts.host, parts.api, runtimeClasses);
  }

  start(): void {
    this.#informer.addHandler({ added: ({ metadata: { name = '' } }) => this.#parts.came(name) });
    this.#informer.start();
  }

  async stop(): Promise<void> {
    await this.#informer.stop();
  }

  /** @throws ConfigError when there is no such class, and what the API throws when the class was never seen */
  async handlerOf({ spec }: Pod): Promise<string> {
    const name = spec.runtimeClassName ?? '';
    if (name === '') return this.#parts.defaultHandler;
    const { api, host, sources } = this.#parts;
    const found = await sources.runtimeClass(name, () => readThrough(this.#informer, api, host.env, { name }));
    if (found !== undefined) return found.handler;
    throw new ConfigError(`RuntimeClass "${name}" not found: create it, or the pod anew without runtimeClassName`);
  }
}
