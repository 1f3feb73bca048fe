/** All kinds that the providers offer at the moment, by group, version and resource. */
import type { Many } from '@timonel/sdk';
import type { OpenApiSchema, ResourceDefinition, ResourceProvider } from '@timonel/sdk/contracts/api-server';
import { apiVersionOf } from '@timonel/sdk/kube';
import { resourcePrefix } from '../registry/keys.ts';
import type { DerivedSource } from './derived-source.ts';
import { SchemaNode } from './schema-node.ts';
import { ServedForm } from './served-form.ts';
import { View } from './view.ts';

/** A kind as the server handles it. */
export interface Kind {
  readonly definition: ResourceDefinition;
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  /** `pods`, `deployments.apps`: how messages name the resource. */
  readonly qualifiedResource: string;
  /** `Pod`, `Deployment.apps`. */
  readonly qualifiedKind: string;
  /** Key prefix in the store. */
  readonly prefix: string;
  readonly schema: SchemaNode;
  /** For a kind that shows the objects of another one. */
  readonly view: View | undefined;
  /** For a kind whose objects may lie in the store in another form. */
  readonly form: ServedForm | undefined;
}

function makeKind(
  definition: ResourceDefinition,
  schemas: Readonly<Record<string, OpenApiSchema>>,
  view: View | undefined,
  form: ServedForm | undefined,
): Kind {
  const suffix = definition.group === '' ? '' : `.${definition.group}`;
  return {
    definition,
    apiVersion: apiVersionOf(definition),
    qualifiedResource: `${definition.resource}${suffix}`,
    qualifiedKind: `${definition.kind}${suffix}`,
    view,
    form,
    prefix: view?.stored.prefix ?? resourcePrefix(definition),
    schema: new SchemaNode(
      Object.hasOwn(schemas, definition.schema) ? { $ref: `#/components/schemas/${definition.schema}` } : {},
      schemas,
    ),
  };
}

function idOf({ group, version, resource }: Pick<ResourceDefinition, 'group' | 'version' | 'resource'>): string {
  return `${group}/${version}/${resource}`;
}

/** Objects that users describe may not be those of a kind that is there already: all versions lie in one place in the store. */
function withoutThose(
  derived: readonly ResourceDefinition[],
  provided: readonly ResourceDefinition[],
): readonly ResourceDefinition[] {
  const placeOf = ({ group, resource }: ResourceDefinition): string => `${group}/${resource}`;
  const taken = new Set(provided.map(placeOf));
  return derived.filter((definition) => !taken.has(placeOf(definition)));
}

/** What was made of objects is kept as long as they are shown in the same way. */
function formOf({ untyped }: ResourceDefinition, before: Kind | undefined): ServedForm | undefined {
  if (untyped === undefined) return undefined;
  return before?.definition.untyped === untyped ? before.form : new ServedForm(untyped);
}

export class KindTable {
  readonly #providers: Many<ResourceProvider>;
  readonly #derived: DerivedSource | undefined;
  #seen: readonly (readonly ResourceDefinition[])[] = [];
  #kinds = new Map<string, Kind>();
  #byResource = new Map<string, readonly Kind[]>();
  /** By prefix; those that were asked for. */
  readonly #sharing = new Map<string, readonly Kind[]>();
  #schemas: Readonly<Record<string, OpenApiSchema>> = {};
  #generation = 0;

  /** Told when objects are not shown any more, or otherwise than before. */
  onGone: ((form: ServedForm) => void) | undefined;

  constructor(providers: Many<ResourceProvider>, derived?: DerivedSource) {
    this.#providers = providers;
    this.#derived = derived;
    providers.onChange(() => this.#refresh());
    derived?.onChange(() => this.#refresh());
    this.#refresh();
  }

  /** Grows with every change of the set. What is derived from the kinds is kept as long as it stays the same. */
  get generation(): number {
    this.#refresh();
    return this.#generation;
  }

  get schemas(): Readonly<Record<string, OpenApiSchema>> {
    return this.#schemas;
  }

  all(): Kind[] {
    this.#refresh();
    return [...this.#kinds.values()];
  }

  find(group: string, version: string, resource: string): Kind | undefined {
    const found = this.#find(group, version, resource);
    if (found !== undefined && (found.form === undefined || this.#derived?.changed() !== true)) return found;
    this.#refresh();
    return this.#find(group, version, resource);
  }

  /** All kinds of the same objects: versions, and views of other groups. */
  sharing({ prefix }: Kind): readonly Kind[] {
    this.#refresh();
    const known = this.#sharing.get(prefix);
    if (known !== undefined) return known;
    const found = [...this.#kinds.values()].filter((kind) => kind.prefix === prefix);
    this.#sharing.set(prefix, found);
    return found;
  }

  /** Asks the providers again; keeps everything when they answer the same lists. */
  #refresh(): void {
    const providers = this.#providers.all().map(({ service }) => service);
    const derived = this.#derived?.current();
    const lists = providers.map((provider) => provider.definitions());
    if (derived !== undefined) lists.push(derived.definitions);
    if (lists.length === this.#seen.length && lists.every((list, index) => list === this.#seen[index])) return;
    this.#seen = lists;
    const schemas: Record<string, OpenApiSchema> = Object.create(null) as Record<string, OpenApiSchema>;
    if (derived !== undefined) Object.assign(schemas, derived.schemas);
    for (const provider of providers) Object.assign(schemas, provider.schemas());
    this.#schemas = schemas;
    const before = this.#kinds;
    this.#kinds = new Map();
    this.#byResource = new Map();
    this.#sharing.clear();
    const provided = lists.slice(0, providers.length).flat();
    const all = [...provided, ...withoutThose(derived?.definitions ?? [], provided)];
    for (const definition of all) {
      if (definition.storedAs !== undefined) continue;
      const kind = before.get(idOf(definition));
      // Others are made anew: a provider may have new schemas for the same definition.
      const isKept = kind?.form !== undefined && kind.definition === definition;
      this.#add(isKept ? kind : makeKind(definition, schemas, undefined, formOf(definition, kind)));
    }
    for (const definition of all) this.#addView(definition);
    this.#generation += 1;
    for (const [id, { form }] of before) {
      if (form !== undefined && this.#kinds.get(id)?.form !== form) this.onGone?.(form);
    }
  }

  #find(group: string, version: string, resource: string): Kind | undefined {
    // Asked for with every request, and several times: a key of three parts would be put together each time.
    const named = this.#byResource.get(resource);
    return named?.find(({ definition }) => definition.version === version && definition.group === group);
  }

  #add(kind: Kind): void {
    const id = idOf(kind.definition);
    if (this.#kinds.has(id)) return;
    this.#kinds.set(id, kind);
    const { resource } = kind.definition;
    this.#byResource.set(resource, [...(this.#byResource.get(resource) ?? []), kind]);
  }

  /** A view of a kind that nobody serves is not served either. */
  #addView(definition: ResourceDefinition): void {
    const { storedAs } = definition;
    const stored = storedAs === undefined ? undefined : this.#kinds.get(idOf(storedAs));
    if (storedAs === undefined || stored === undefined) return;
    this.#add(makeKind(definition, this.#schemas, new View(definition, storedAs, stored), undefined));
  }
}
