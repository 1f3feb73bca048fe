/** What stored objects describe as kinds: asked for anew when one of these objects has changed. */
import type { Many } from '@timonel/sdk';
import type { DerivedKinds, OpenApiSchema, ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { ResourceCache } from '../cache/resource-cache.ts';
import type { StoreFeed } from '../cache/store-feed.ts';
import { resourcePrefix } from '../registry/keys.ts';

export interface Derived {
  readonly definitions: readonly ResourceDefinition[];
  readonly schemas: Readonly<Record<string, OpenApiSchema>>;
}

interface Seen {
  readonly service: DerivedKinds;
  readonly cache: ResourceCache;
  readonly version: number;
}

const nothing: Derived = { definitions: [], schemas: {} };
const everything = { namespace: undefined, name: undefined, matches: undefined };

export class DerivedSource {
  readonly #providers: Many<DerivedKinds>;
  readonly #feed: Pick<StoreFeed, 'cache' | 'onChange'>;
  #seen: readonly Seen[] = [];
  #prefixes: readonly string[] = [];
  #current = nothing;

  constructor(providers: Many<DerivedKinds>, feed: Pick<StoreFeed, 'cache' | 'onChange'>) {
    this.#providers = providers;
    this.#feed = feed;
  }

  /** `listener` is called after changes; more often than there are any. */
  onChange(listener: () => void): void {
    this.#providers.onChange(listener);
    this.#feed.onChange((prefix) => {
      if (prefix === undefined ? this.#seen.length > 0 : this.#prefixes.includes(prefix)) listener();
    });
  }

  /** Whether `current` would say something else than before. */
  changed(): boolean {
    return this.#seen.some(
      ({ cache, version }) => this.#feed.cache(cache.prefix) !== cache || cache.version !== version,
    );
  }

  /** The same as before unless something has changed. */
  current(): Derived {
    const services = this.#providers.all().map(({ service }) => service);
    const same = services.length === this.#seen.length && services.every((one, at) => one === this.#seen[at]?.service);
    if (same && !this.changed()) return this.#current;
    this.#seen = services.map((service) => {
      const cache = this.#feed.cache(resourcePrefix(service.source()));
      return { service, cache, version: cache.version };
    });
    this.#prefixes = this.#seen.map(({ cache }) => cache.prefix);
    const all = this.#seen.map(({ service, cache }) =>
      service.derive(cache.select(everything).map(({ object }) => object)),
    );
    const definitions = all.flatMap((one) => one.definitions);
    const before = this.#current.definitions;
    if (definitions.length !== before.length || definitions.some((one, at) => one !== before[at])) {
      this.#current = {
        definitions,
        schemas: Object.assign({}, ...all.map(({ schemas }) => schemas)) as Derived['schemas'],
      };
    }
    return this.#current;
  }
}
