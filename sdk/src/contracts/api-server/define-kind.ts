import { dnsSubdomainProblems, type KubeObject, type ResourceType } from '../../kube/index.ts';
import type {
  OpenApiSchema,
  PartSubresource,
  ResourceDefinition,
  ScaleMapping,
  Strategy,
  SubresourceHandler,
  TableColumn,
} from './index.ts';

/** What a kind adds to its {@link ResourceType}. Everything but schema, columns and strategy has a default. */
export interface KindInput<T extends KubeObject> {
  readonly type: ResourceType<T>;
  /** Its key in the `schemas` of the provider. */
  readonly schema: string;
  readonly columns: readonly TableColumn[];
  readonly strategy: Strategy<T>;
  /** Default: the kind in lower case. */
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Whether metadata.generation counts changes of the spec. Default false. */
  readonly generation?: boolean;
  /** Whether /status is served. Default false. */
  readonly status?: boolean;
  readonly statusMetadata?: ResourceDefinition<T>['statusMetadata'];
  readonly scale?: ScaleMapping;
  readonly subresources?: Readonly<Record<string, SubresourceHandler<T>>>;
  readonly parts?: Readonly<Record<string, PartSubresource<T>>>;
  readonly withoutVerbs?: readonly string[];
  readonly expires?: boolean;
  readonly nameProblems?: (name: string) => string[];
}

/** A kind for a resource provider. */
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
    ...(input.statusMetadata === undefined ? {} : { statusMetadata: input.statusMetadata }),
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

/** The schema of a whole object from those of its own fields (`spec`, `status`): apiVersion, kind and metadata are added. */
export function objectSchema(
  type: Pick<ResourceType, 'group' | 'version' | 'kind'>,
  properties: Readonly<Record<string, OpenApiSchema>>,
  description = '',
): OpenApiSchema {
  return {
    type: 'object',
    description,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { allOf: [{ $ref: '#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' }] },
      ...properties,
    },
    'x-kubernetes-group-version-kind': [{ group: type.group, version: type.version, kind: type.kind }],
  };
}
