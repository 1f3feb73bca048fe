/** CustomResourceDefinitions of the kinds that are served, for clusters where nobody has made those of the Gateway API. */
import type { CustomResourceColumn, CustomResourceDefinition, ResourceType } from '@timonel/sdk/kube';
import { gatewayClasses, gateways, grpcRoutes, httpRoutes, referenceGrants } from './types.ts';

type Schema = Readonly<Record<string, unknown>>;

const text = { type: 'string' } as const;
const port = { type: 'integer', minimum: 1, maximum: 65_535 } as const;
const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } as const;
const hostname = {
  type: 'string',
  maxLength: 253,
  pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
};

function object(properties: Schema, required: readonly string[] = []): Schema {
  return { ...open, properties, ...(required.length === 0 ? {} : { required }) };
}

function list(items: Schema, maxItems: number): Schema {
  return { type: 'array', items, maxItems };
}

const parent = object({ group: text, kind: text, namespace: text, name: text, sectionName: text, port }, ['name']);
const backend = object(
  {
    group: text,
    kind: text,
    namespace: text,
    name: text,
    port,
    weight: { type: 'integer', minimum: 0, maximum: 1_000_000 },
  },
  ['name'],
);
const filter = object({ type: text }, ['type']);

function routeSchema(match: Schema): Schema {
  const rule = object({ matches: list(match, 64), filters: list(filter, 16), backendRefs: list(backend, 16) });
  return object({ parentRefs: list(parent, 32), hostnames: list(hostname, 16), rules: list(rule, 16) });
}

const named = object({ type: text, name: text, value: text }, ['name', 'value']);
const httpMatch = object({
  path: object({ type: text, value: text }),
  headers: list(named, 16),
  queryParams: list(named, 16),
  method: text,
});
const grpcMatch = object({ method: object({ type: text, service: text, method: text }), headers: list(named, 16) });
const listener = object({ name: text, hostname, port, protocol: text, tls: open, allowedRoutes: open }, [
  'name',
  'port',
  'protocol',
]);
const grantEnd = object({ group: text, kind: text, namespace: text, name: text }, ['group', 'kind']);

const age = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
const hostnames = { name: 'Hostnames', type: 'string', jsonPath: '.spec.hostnames' };

function definition(
  type: ResourceType,
  shortName: string,
  spec: Schema,
  columns: CustomResourceColumn[],
): CustomResourceDefinition {
  const { group, kind, resource, version, namespaced } = type;
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec, status: open } } };
  return {
    metadata: {
      name: `${resource}.${group}`,
      annotations: { 'api-approved.kubernetes.io': 'unapproved, a part of the schema of the Gateway API' },
    },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: {
        plural: resource,
        singular: kind.toLowerCase(),
        kind,
        listKind: `${kind}List`,
        shortNames: [shortName],
        categories: ['gateway-api'],
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema,
          subresources: { status: {} },
          additionalPrinterColumns: [...columns, age],
        },
      ],
    },
  };
}

export const gatewayDefinitions: readonly CustomResourceDefinition[] = [
  definition(gatewayClasses, 'gc', object({ controllerName: text }, ['controllerName']), [
    { name: 'Controller', type: 'string', jsonPath: '.spec.controllerName' },
    { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
  ]),
  definition(
    gateways,
    'gtw',
    object({ gatewayClassName: text, listeners: list(listener, 64) }, ['gatewayClassName', 'listeners']),
    [
      { name: 'Class', type: 'string', jsonPath: '.spec.gatewayClassName' },
      { name: 'Address', type: 'string', jsonPath: '.status.addresses[*].value' },
      { name: 'Programmed', type: 'string', jsonPath: '.status.conditions[?(@.type=="Programmed")].status' },
    ],
  ),
  definition(httpRoutes, 'hr', routeSchema(httpMatch), [hostnames]),
  definition(grpcRoutes, 'gr', routeSchema(grpcMatch), [hostnames]),
  definition(
    referenceGrants,
    'refgrant',
    object({ from: list(grantEnd, 16), to: list(grantEnd, 16) }, ['from', 'to']),
    [],
  ),
];
