/** What the collector knows of all objects: of the built-in types always, of those that users described as long as they are served. */
import type { Informer } from '@timonel/sdk/controller';
import type { KubeObject, ResourceType } from '@timonel/sdk/kube';
import { typeId } from './kinds.ts';

export interface TypeCache {
  readonly type: ResourceType;
  readonly informer: Informer<KubeObject>;
}

/** Most types that are remembered after their definitions went. */
const goneLimit = 1000;

export class Caches {
  readonly #known = new Map<string, TypeCache>();
  /** Types whose definitions went, and all their objects before them. */
  readonly #gone = new Map<string, ResourceType>();

  add(type: ResourceType, informer: Informer<KubeObject>): void {
    this.#known.set(typeId(type), { type, informer });
    this.#gone.delete(typeId(type));
  }

  remove(type: ResourceType): void {
    this.#known.delete(typeId(type));
  }

  /** No object of the type is left: what is owned by one has lost its owner. */
  goneFor(type: ResourceType): void {
    this.#gone.set(typeId(type), type);
    const oldest = this.#gone.size > goneLimit ? this.#gone.keys().next().value : undefined;
    if (oldest !== undefined) this.#gone.delete(oldest);
  }

  isGone(type: ResourceType): boolean {
    return this.#gone.has(typeId(type));
  }

  all(): Iterable<TypeCache> {
    return this.#known.values();
  }

  /** Undefined: the type is not known. */
  get(type: ResourceType): Informer<KubeObject> | undefined {
    return this.#known.get(typeId(type))?.informer;
  }

  /** The type an owner reference names. The version may differ: it is the same object. */
  typeOfReference(reference: { readonly apiVersion: string; readonly kind: string }): ResourceType | undefined {
    const group = reference.apiVersion.includes('/') ? reference.apiVersion.split('/')[0] : '';
    const known = [...this.#known.values()].map(({ type }) => type);
    return [...known, ...this.#gone.values()].find((type) => type.kind === reference.kind && type.group === group);
  }

  /** The parts of a `subjectKey`. Undefined: it is of no type that is known. */
  subjectOf(key: string): { readonly type: ResourceType; readonly object: KubeObject | undefined } | undefined {
    const [id = '', at = ''] = key.split(' ', 2);
    const found = this.#known.get(id);
    return found === undefined ? undefined : { type: found.type, object: found.informer.get(at) };
  }
}
