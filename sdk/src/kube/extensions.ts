/** apiextensions.k8s.io/v1: kinds that users describe. */
import { defineResource, type KubeObject, type ResourceType } from './meta.ts';

export interface CustomResourceNames {
  plural: string;
  kind: string;
  singular?: string;
  shortNames?: string[];
  listKind?: string;
  categories?: string[];
}

export interface CustomResourceColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

export interface CustomResourceScale {
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

export interface CustomResourceVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  /** A structural schema, as it was sent. */
  schema?: { openAPIV3Schema?: Readonly<Record<string, unknown>> };
  subresources?: { status?: object; scale?: CustomResourceScale };
  additionalPrinterColumns?: CustomResourceColumn[];
  selectableFields?: { jsonPath: string }[];
}

/** Where a webhook listens. Source: apiextensions/v1 WebhookClientConfig. */
export interface WebhookClientConfig {
  url?: string;
  service?: { namespace: string; name: string; path?: string; port?: number };
  /** PEM in base64. */
  caBundle?: string;
}

export interface CustomResourceConversion {
  strategy: string;
  webhook?: { clientConfig?: WebhookClientConfig; conversionReviewVersions: string[] };
}

export interface CustomResourceCondition {
  type: string;
  status: string;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
  observedGeneration?: number;
}

export interface CustomResourceDefinition extends KubeObject {
  spec: {
    group: string;
    scope: string;
    names: CustomResourceNames;
    versions: CustomResourceVersion[];
    conversion?: CustomResourceConversion;
    preserveUnknownFields?: boolean;
  };
  status?: {
    conditions?: CustomResourceCondition[];
    acceptedNames?: CustomResourceNames;
    /** Versions in which objects may be stored. */
    storedVersions?: string[];
  };
}

export const customResourceDefinitions: ResourceType<CustomResourceDefinition> =
  defineResource<CustomResourceDefinition>({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    resource: 'customresourcedefinitions',
    namespaced: false,
  });

/** Finalizer of a definition that stays until the objects of its kind are gone. */
export const customResourceCleanup = 'customresourcecleanup.apiextensions.k8s.io';

/** Whether a condition of a definition is there and `True`. */
export function isDefinitionCondition({ status }: CustomResourceDefinition, type: string): boolean {
  return (status?.conditions ?? []).some((condition) => condition.type === type && condition.status === 'True');
}

/** The conditions with one in place of that of its type, which keeps its time as long as its status stays the same. */
export function withDefinitionCondition(
  conditions: readonly CustomResourceCondition[],
  next: Omit<CustomResourceCondition, 'lastTransitionTime'>,
  timestamp: string,
): CustomResourceCondition[] {
  const before = conditions.find(({ type }) => type === next.type);
  const since = before?.status === next.status ? before.lastTransitionTime : undefined;
  const made = { ...next, lastTransitionTime: since ?? timestamp };
  return before === undefined
    ? [...conditions, made]
    : conditions.map((condition) => (condition === before ? made : condition));
}

/**
 * The type of the objects that it describes, in a version that is served: the one they are stored in, if it can be. That one is served
 * in any case once the definition is being deleted and no other is.
 */
export function typeOfDefinition({ metadata, spec, status }: CustomResourceDefinition): ResourceType {
  const some = spec.versions.filter((version) => version.served);
  const served = some.length === 0 && metadata.deletionTimestamp !== undefined ? spec.versions : some;
  const version = served.find(({ storage }) => storage) ?? served[0];
  return defineResource({
    group: spec.group,
    version: version?.name ?? '',
    kind: status?.acceptedNames?.kind ?? spec.names.kind,
    resource: spec.names.plural,
    namespaced: spec.scope === 'Namespaced',
  });
}
