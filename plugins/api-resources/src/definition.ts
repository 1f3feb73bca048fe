import type {
  PartSubresource,
  ResourceDefinition,
  ScaleMapping,
  Strategy,
  SubresourceHandler,
  TableColumn,
} from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems, type KubeObject, type ResourceType } from '@timonel/sdk/kube';

/** What a kind adds to its {@link ResourceType}. Everything but schema, columns and strategy has a default. */
export interface KindInput<T extends KubeObject> {
  readonly type: ResourceType<T>;
  readonly schema: string;
  readonly columns: readonly TableColumn[];
  readonly strategy: Strategy<T>;
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Whether metadata.generation counts changes of the spec. Default false. */
  readonly generation?: boolean;
  /** Whether /status is served. Default false. */
  readonly status?: boolean;
  readonly scale?: ScaleMapping;
  readonly subresources?: Readonly<Record<string, SubresourceHandler<T>>>;
  readonly parts?: Readonly<Record<string, PartSubresource<T>>>;
  readonly withoutVerbs?: readonly string[];
  readonly expires?: boolean;
  readonly nameProblems?: (name: string) => string[];
}

export function defineKind<T extends KubeObject>(input: KindInput<T>): ResourceDefinition<T> {
  const { type } = input;
  return Object.freeze({
    group: type.group,
    version: type.version,
    kind: type.kind,
    resource: type.resource,
    singular: input.singular ?? type.kind.toLowerCase(),
    shortNames: input.shortNames ?? [],
    categories: input.categories ?? [],
    namespaced: type.namespaced,
    schema: input.schema,
    generation: input.generation ?? false,
    status: input.status ?? false,
    scale: input.scale,
    subresources: input.subresources ?? {},
    columns: input.columns,
    strategy: input.strategy,
    nameProblems: input.nameProblems ?? dnsSubdomainProblems,
    ...(input.parts === undefined ? {} : { parts: input.parts }),
    ...(input.expires === undefined ? {} : { expires: input.expires }),
    ...(input.withoutVerbs === undefined ? {} : { withoutVerbs: input.withoutVerbs }),
  });
}
