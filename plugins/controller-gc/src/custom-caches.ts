/** Caches of the types that users described: they come and go with the definitions. */
import { byOwnerUid, Informer, type ControllerHost, type KeySource } from '@timonel/sdk/controller';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  isDefinitionCondition,
  typeOfDefinition,
  type CustomResourceDefinition,
  type KubeObject,
  type ResourceType,
} from '@timonel/sdk/kube';
import type { Caches } from './caches.ts';
import { allTypes, typeId } from './kinds.ts';
import { sourceOf } from './sources.ts';

interface Followed {
  readonly type: ResourceType;
  readonly informer: Informer<KubeObject>;
  /** Ends what its changes lead to. */
  disconnect: (() => void) | undefined;
}

interface Parts {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly caches: Caches;
  readonly definitions: Informer<CustomResourceDefinition>;
}

function isSame(a: ResourceType, b: ResourceType): boolean {
  return a.version === b.version && a.kind === b.kind;
}

/** A definition may be named like a built-in type; its objects are not of that definition. */
const builtIn: ReadonlySet<string> = new Set(allTypes.map(typeId));

export class CustomCaches implements KeySource {
  readonly #parts: Parts;
  /** By the name of the definition. */
  readonly #followed = new Map<string, Followed>();
  #add: ((key: string) => void) | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    parts.definitions.addHandler({
      added: (definition) => this.#follow(definition),
      updated: (definition) => this.#follow(definition),
      deleted: (definition) => {
        this.#forget(definition.metadata.name ?? '');
        const type = typeOfDefinition(definition);
        if (!builtIn.has(typeId(type))) parts.caches.goneFor(type);
      },
    });
  }

  connect(add: (key: string) => void): () => void {
    this.#add = add;
    for (const followed of this.#followed.values()) this.#connect(followed);
    return () => {
      this.#add = undefined;
      for (const followed of this.#followed.values()) {
        followed.disconnect?.();
        followed.disconnect = undefined;
      }
    };
  }

  *all(): Iterable<string> {
    for (const { type } of this.#followed.values()) yield* sourceOf(type, this.#parts.caches).all();
  }

  #connect(followed: Followed): void {
    if (this.#add !== undefined) followed.disconnect ??= sourceOf(followed.type, this.#parts.caches).connect(this.#add);
  }

  #follow(definition: CustomResourceDefinition): void {
    const name = definition.metadata.name ?? '';
    const type = typeOfDefinition(definition);
    const isServed =
      type.version !== '' && isDefinitionCondition(definition, 'Established') && !builtIn.has(typeId(type));
    const before = this.#followed.get(name);
    if (before !== undefined && isServed && isSame(before.type, type)) return;
    this.#forget(name);
    if (!isServed) return;
    const { host, api, caches } = this.#parts;
    const informer = new Informer<KubeObject>(host, api, type, { indexes: { owner: byOwnerUid } });
    const followed: Followed = { type, informer, disconnect: undefined };
    this.#followed.set(name, followed);
    caches.add(type, informer);
    this.#connect(followed);
    informer.start();
  }

  #forget(name: string): void {
    const followed = this.#followed.get(name);
    if (followed === undefined) return;
    this.#followed.delete(name);
    this.#parts.caches.remove(followed.type);
    followed.disconnect?.();
    void followed.informer.stop();
  }
}
