/** Types that users described: followed as long as a quota counts their objects, by `count/RESOURCE.GROUP`. */
import { byNamespace, Informer, type ControllerHost, type Informers } from '@timonel/sdk/controller';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import {
  customResourceDefinitions,
  isDefinitionCondition,
  namespacedTypes,
  typeOfDefinition,
  type CustomResourceDefinition,
  type KubeObject,
  type ResourceType,
} from '@timonel/sdk/kube';

const counting = 'count/';

/** A definition is named like what it makes countable. */
const definitionOf = (name: string): string | undefined =>
  name.startsWith(counting) && name.includes('.') ? name.slice(counting.length) : undefined;

const idOf = ({ group, resource }: ResourceType): string => `${resource}.${group}`;
/** Objects of a definition that is named like a built-in type are not of that definition. */
const builtIn: ReadonlySet<string> = new Set(namespacedTypes.map(idOf));

interface Known {
  readonly type: ResourceType;
  informer: Informer<KubeObject> | undefined;
}

export interface CustomTypesParts {
  readonly host: ControllerHost;
  readonly api: ApiClient;
  readonly informers: Informers;
}

export class CustomTypes {
  readonly #parts: CustomTypesParts;
  #definitions: Informer<CustomResourceDefinition> | undefined;
  /** By the name of the definition. */
  readonly #known = new Map<string, Known>();
  /** Told when something that a quota may count has come, gone or changed; `gone`: what it was. */
  onChange: ((countName: string, gone: ResourceType | undefined) => void) | undefined;

  constructor(parts: CustomTypesParts) {
    this.#parts = parts;
  }

  /** Of names that no built-in type counts for. */
  async countedBy(names: readonly string[]): Promise<readonly ResourceType[]> {
    const wanted = names.map(definitionOf).filter((name) => name !== undefined);
    if (wanted.length === 0) return [];
    const definitions = this.#follow();
    // Where no definitions are served there is nothing to wait for.
    await definitions.tried;
    return wanted.flatMap((name) => this.#typeOf(definitions.get(name)) ?? []);
  }

  /** Undefined: the type is none of these. */
  cacheOf(type: ResourceType): Informer<KubeObject> | undefined {
    const known = this.#known.get(idOf(type));
    if (known?.type !== type) return undefined;
    if (known.informer === undefined) {
      const { host, api } = this.#parts;
      known.informer = new Informer<KubeObject>(host, api, type, { indexes: { namespace: byNamespace } });
      known.informer.start();
    }
    return known.informer;
  }

  #follow(): Informer<CustomResourceDefinition> {
    if (this.#definitions !== undefined) return this.#definitions;
    const definitions = this.#parts.informers.for(customResourceDefinitions);
    const look = (definition: CustomResourceDefinition, isGone = false): void => {
      const name = definition.metadata.name ?? '';
      const before = this.#known.get(name);
      const type = isGone ? undefined : this.#typeOf(definition);
      if (type === undefined) this.#forget(name);
      if (before?.type !== type) this.onChange?.(`${counting}${name}`, before?.type);
    };
    definitions.addHandler({
      added: (one) => look(one),
      updated: (one) => look(one),
      deleted: (one) => look(one, true),
    });
    this.#definitions = definitions;
    return definitions;
  }

  /** The same as before, as long as it is shown in the same way. */
  #typeOf(definition: CustomResourceDefinition | undefined): ResourceType | undefined {
    if (definition === undefined || !isDefinitionCondition(definition, 'Established')) return undefined;
    const type = typeOfDefinition(definition);
    const name = idOf(type);
    if (!type.namespaced || type.version === '' || builtIn.has(name)) return undefined;
    const known = this.#known.get(name);
    if (known !== undefined && known.type.version === type.version && known.type.kind === type.kind) return known.type;
    this.#forget(name);
    this.#known.set(name, { type, informer: undefined });
    return type;
  }

  #forget(name: string): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    this.#known.delete(name);
    void known.informer?.stop();
  }
}
