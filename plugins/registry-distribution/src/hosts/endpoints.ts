/** Where an image is looked for: mirrors in their order, then the registry itself. */
import { ImageError } from '@timonel/sdk/contracts/images';
import type { ImageReference } from '@timonel/sdk/contracts/registry';
import { hostPattern, type RegistryConfig } from '../config.ts';
import { shown } from '../failure.ts';
import { isLoopbackHost } from '@timonel/sdk/tunnel';

export interface Endpoint {
  /** As credentials and messages name it: `docker.io`. */
  readonly registry: string;
  /** Who is spoken to: `registry-1.docker.io`. */
  readonly authority: string;
  /** `either`: found out by asking. */
  readonly scheme: 'https' | 'http' | 'either';
  /** Before the repository: empty, or a path that ends with `/`. */
  readonly prefix: string;
  /** The registry that this is a mirror of; empty: of none. */
  readonly mirrorOf: string;
}

/** `host[:port]` as `URL.host` gives it, without a scheme's own port. */
export function authorityOf(registry: string, scheme: 'https' | 'http'): string {
  return new URL(`${scheme}://${registry}`).host;
}

/** Who is spoken to for a registry. */
export function ownAuthority(registry: string, scheme: 'https' | 'http'): string {
  return registry === 'docker.io' ? 'registry-1.docker.io' : authorityOf(registry, scheme);
}

export class Endpoints {
  readonly #config: RegistryConfig;
  readonly #plain: ReadonlySet<string>;
  readonly #mirrors = new Map<string, readonly Endpoint[]>();

  constructor(config: RegistryConfig) {
    this.#config = config;
    this.#plain = new Set(config.insecurePlainHttp.map((host) => authorityOf(host, 'http')));
  }

  /** Hosts that credentials may go to by plain HTTP. */
  plainHosts(reference: ImageReference, plainHttp: boolean): ReadonlySet<string> {
    return plainHttp ? new Set([...this.#plain, authorityOf(reference.registry, 'http')]) : this.#plain;
  }

  /** The registry itself. @throws ImageError InvalidImageName */
  own({ registry }: ImageReference, plainHttp: boolean): Endpoint {
    if (registry.length > 255 || !hostPattern.test(registry) || !URL.canParse(`https://${registry}`)) {
      throw new ImageError('InvalidImageName', `${JSON.stringify(shown(registry))} is not a registry host`);
    }
    const plain = plainHttp || this.#plain.has(authorityOf(registry, 'http'));
    const scheme = plain ? 'http' : isLoopbackHost(registry) ? 'either' : 'https';
    return { registry, authority: ownAuthority(registry, plain ? 'http' : 'https'), scheme, prefix: '', mirrorOf: '' };
  }

  mirrors({ registry }: ImageReference): readonly Endpoint[] {
    const known = this.#mirrors.get(registry);
    if (known !== undefined) return known;
    const { mirrors } = this.#config;
    const chosen = [
      ...mirrors.filter((mirror) => mirror.registry === registry),
      ...mirrors.filter((mirror) => mirror.registry === '*'),
    ];
    const endpoints = chosen
      .flatMap((mirror) => mirror.endpoints)
      .map((text) => {
        const { protocol, host, pathname } = new URL(text);
        const path = pathname.replaceAll(/^\/+|\/+$/g, '');
        const scheme = protocol === 'http:' ? ('http' as const) : ('https' as const);
        return { registry: host, authority: host, scheme, prefix: path === '' ? '' : `${path}/`, mirrorOf: registry };
      });
    // Of registries that have none nothing is kept: their names come from outside.
    if (endpoints.length > 0 && mirrors.some((mirror) => mirror.registry === registry))
      this.#mirrors.set(registry, endpoints);
    return endpoints;
  }
}
