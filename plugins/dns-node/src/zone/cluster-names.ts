/** The names of all services: one entry a service, replaced when it or one of its slices changes. */
import type { EndpointSlice, Service } from '@timonel/sdk/kube';
import { normalAddress } from '../wire/addresses.ts';
import { serviceNames, type ServiceNames } from './service-names.ts';

interface Pointer {
  /** `namespace/name` of the service. */
  readonly service: string;
  readonly host: string | undefined;
}

export class ClusterNames {
  readonly #services = new Map<string, ServiceNames>();
  readonly #namespaces = new Set<string>();
  readonly #pointers = new Map<string, Pointer[]>();
  #version = 0;

  /** Another one after each change: answers of an older one are stale. */
  get version(): number {
    return this.#version;
  }

  get size(): number {
    return this.#services.size;
  }

  /** `key`: `namespace/name`. */
  set(key: string, service: Service, slices: readonly EndpointSlice[]): void {
    this.delete(key);
    const names = serviceNames(service, slices);
    this.#services.set(key, names);
    for (const [written, host] of names.pointers) {
      const address = normalAddress(written);
      this.#pointers.set(address, [...(this.#pointers.get(address) ?? []), { service: key, host }]);
    }
  }

  delete(key: string): void {
    this.#version++;
    const names = this.#services.get(key);
    this.#services.delete(key);
    for (const written of names?.pointers.keys() ?? []) {
      const address = normalAddress(written);
      const others = (this.#pointers.get(address) ?? []).filter(({ service }) => service !== key);
      if (others.length > 0) this.#pointers.set(address, others);
      else this.#pointers.delete(address);
    }
  }

  clear(): void {
    this.#version++;
    this.#services.clear();
    this.#namespaces.clear();
    this.#pointers.clear();
  }

  addNamespace(name: string): void {
    this.#version++;
    this.#namespaces.add(name);
  }

  deleteNamespace(name: string): void {
    this.#version++;
    this.#namespaces.delete(name);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }

  service(namespace: string, name: string): ServiceNames | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  pointersOf(address: string): readonly Pointer[] {
    return this.#pointers.get(address) ?? [];
  }
}
