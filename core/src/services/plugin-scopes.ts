import type { AnyPlugin } from '@timonel/sdk';
import { asFunction, createContainer, InjectionMode, type AwilixContainer } from 'awilix';
import { tokensOf } from '../graph/check-definition.ts';
import type { ServiceRegistry } from './service-registry.ts';

/** The injected record of one life of a plugin. */
export interface PluginScope {
  readonly deps: Readonly<Record<string, unknown>>;
  close(): Promise<void>;
}

/** Injects: one awilix scope for each life of a plugin, which knows only what the plugin declared. */
export class PluginScopes {
  private readonly root: AwilixContainer = createContainer({ injectionMode: InjectionMode.PROXY, strict: true });
  private readonly services: ServiceRegistry;

  constructor(services: ServiceRegistry) {
    this.services = services;
  }

  open(definition: AnyPlugin): PluginScope {
    const scope = this.root.createScope();
    const { name } = definition;
    for (const [key, token] of tokensOf(definition, 'requires')) {
      scope.register(key, asFunction(() => this.services.required(token, name)).scoped());
    }
    for (const [key, token] of tokensOf(definition, 'optional')) {
      scope.register(key, asFunction(() => this.services.optional(token, name)).scoped());
    }
    return {
      deps: Object.freeze({ ...scope.cradle }),
      close: async () => {
        this.services.release(name);
        await scope.dispose();
      },
    };
  }
}
