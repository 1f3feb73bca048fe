/** The kinds of metrics.k8s.io/v1beta1: made when somebody reads them. */
import type { OpenApiSchema, ResourceDefinition, TableColumn } from '@timonel/sdk/contracts/api-server';
import { milliCpu, parseQuantity, type KubeObject } from '@timonel/sdk/kube';
import type { NodeMetrics, PodMetrics, Usage } from './metrics-objects.ts';

export const group = 'metrics.k8s.io';
export const version = 'v1beta1';
const schemaRoot = 'io.k8s.metrics.pkg.apis.metrics.v1beta1';

const columns: readonly TableColumn[] = Object.freeze([
  { name: 'Name', type: 'string', format: 'name', description: 'Name of the resource', priority: 0 },
  { name: 'cpu', type: 'string', format: 'quantity', description: 'CPU in use, in cores', priority: 0 },
  { name: 'memory', type: 'string', format: 'quantity', description: 'Memory in use', priority: 0 },
  { name: 'Window', type: 'string', format: 'duration', description: 'Time over which cpu is averaged', priority: 0 },
]);

type Common = 'shortNames' | 'categories' | 'generation' | 'status' | 'scale' | 'subresources' | 'columns' | 'strategy';

function kindOf<T extends KubeObject & { readonly window: string }>(
  own: Omit<ResourceDefinition<T>, 'group' | 'version' | 'schema' | 'singular' | Common>,
  usageIn: (object: T) => Usage,
): ResourceDefinition {
  const definition: ResourceDefinition<T> = {
    ...own,
    group,
    version,
    schema: `${schemaRoot}.${own.kind}`,
    singular: '',
    shortNames: [],
    categories: [],
    generation: false,
    status: false,
    scale: undefined,
    subresources: {},
    columns,
    strategy: {
      cells(object) {
        const { cpu, memory } = usageIn(object);
        return [object.metadata.name ?? '', cpu, memory, object.window];
      },
    },
  };
  return Object.freeze(definition);
}

/** All containers of a pod together. */
function sumOf({ containers }: PodMetrics): Usage {
  let cpu = 0;
  let memory = 0;
  for (const { usage } of containers) {
    cpu += milliCpu(usage.cpu) ?? 0;
    memory += parseQuantity(usage.memory) ?? 0;
  }
  return { cpu: `${Math.ceil(cpu)}m`, memory: `${Math.floor(memory / 1024)}Ki` };
}

export interface MetricsLists {
  /** @throws ApiError ServiceUnavailable */
  nodes(): Promise<readonly NodeMetrics[]>;
  /** Of one namespace, or of all. */
  pods(namespace: string | undefined): Promise<readonly PodMetrics[]>;
}

export function metricsKinds(lists: MetricsLists): readonly ResourceDefinition[] {
  return Object.freeze([
    kindOf<NodeMetrics>(
      { kind: 'NodeMetrics', resource: 'nodes', namespaced: false, listed: () => lists.nodes() },
      ({ usage }) => usage,
    ),
    kindOf<PodMetrics>(
      { kind: 'PodMetrics', resource: 'pods', namespaced: true, listed: ({ namespace }) => lists.pods(namespace) },
      sumOf,
    ),
  ]);
}

const quantities: OpenApiSchema = {
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'What is in use: cpu in cores, memory in bytes.',
};

function objectSchema(kind: string, description: string, properties: OpenApiSchema): OpenApiSchema {
  return {
    type: 'object',
    description,
    required: ['timestamp', 'window', ...Object.keys(properties)],
    properties: {
      apiVersion: { type: 'string', description: 'Version of the schema of this object.' },
      kind: { type: 'string', description: 'Kind of this object.' },
      metadata: {
        type: 'object',
        description: 'Name, namespace and labels of the object that was measured.',
        properties: {
          name: { type: 'string', description: 'Name of the object.' },
          namespace: { type: 'string', description: 'Namespace of the object.' },
          labels: { type: 'object', additionalProperties: { type: 'string' }, description: 'Labels of the object.' },
          creationTimestamp: { type: 'string', format: 'date-time', description: 'When this was measured.' },
        },
      },
      timestamp: { type: 'string', format: 'date-time', description: 'End of the time over which was measured.' },
      window: { type: 'string', description: 'Length of that time: a duration as Go writes it.' },
      ...properties,
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind }],
  };
}

export const metricsSchemas: Readonly<Record<string, OpenApiSchema>> = Object.freeze({
  [`${schemaRoot}.NodeMetrics`]: objectSchema('NodeMetrics', 'What a node uses.', { usage: quantities }),
  [`${schemaRoot}.PodMetrics`]: objectSchema('PodMetrics', 'What the containers of a pod use.', {
    containers: {
      type: 'array',
      description: 'What each container uses.',
      items: { $ref: `#/components/schemas/${schemaRoot}.ContainerMetrics` },
    },
  }),
  [`${schemaRoot}.ContainerMetrics`]: {
    type: 'object',
    description: 'What a container uses.',
    required: ['name', 'usage'],
    properties: { name: { type: 'string', description: 'Name of the container.' }, usage: quantities },
  },
});
