/** The kinds that a CustomResourceDefinition describes, one for each version that is served. */
import type { Pauses } from '@timonel/sdk/admission';
import type { OpenApiSchema, ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { CustomResourceDefinition, CustomResourceVersion } from '@timonel/sdk/kube';
import { isServed } from '../definition/kind.ts';
import { Schema, type Json } from '../schema/schema.ts';
import { tableOf } from './columns.ts';
import { formOf } from './form.ts';
import { publishedSchema, schemaKey } from './publish.ts';
import { strategyOf } from './strategy.ts';
import type { Converter } from './converter.ts';

export interface CustomKinds {
  readonly definitions: readonly ResourceDefinition[];
  readonly schemas: Readonly<Record<string, OpenApiSchema>>;
}

/** What objects of the kinds are served with. */
export interface KindParts {
  readonly converter: Converter;
  readonly pauses: () => Pauses;
}

const none: CustomKinds = { definitions: [], schemas: {} };

function scaleOf({ subresources }: CustomResourceVersion): ResourceDefinition['scale'] {
  const { scale } = subresources ?? {};
  if (scale === undefined) return undefined;
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  return { specReplicasPath, statusReplicasPath, selectorPath: labelSelectorPath ?? '.metadata.none' };
}

function rawSchema({ schema }: CustomResourceVersion): Json {
  return { type: 'object', ...schema?.openAPIV3Schema };
}

/** Nothing as long as its names are not accepted. */
export function kindsOf(
  definition: CustomResourceDefinition,
  parts: KindParts,
  isShown: (version: CustomResourceVersion) => boolean = ({ served }) => served,
): CustomKinds {
  if (!isServed(definition)) return none;
  const { group, scope, versions } = definition.spec;
  const names = definition.status?.acceptedNames ?? definition.spec.names;
  const stored = versions.find(({ storage }) => storage);
  if (stored === undefined || names.kind === '') return none;
  const schemas: Record<string, OpenApiSchema> = {};
  const definitions = versions.filter(isShown).map((version): ResourceDefinition => {
    const raw = rawSchema(version);
    const schema = new Schema(raw);
    const type = { group, version: version.name, kind: names.kind };
    const key = schemaKey(group, version.name, names.kind);
    schemas[key] = publishedSchema(raw, type);
    return {
      ...type,
      resource: definition.spec.names.plural,
      singular: names.singular ?? names.kind.toLowerCase(),
      shortNames: names.shortNames ?? [],
      categories: names.categories ?? [],
      namespaced: scope === 'Namespaced',
      schema: key,
      generation: true,
      status: version.subresources?.status !== undefined,
      scale: scaleOf(version),
      subresources: {},
      columns: tableOf(version.additionalPrinterColumns ?? []).columns,
      strategy: strategyOf(version, schema, parts.pauses),
      untyped: formOf(`${group}/${version.name}`, `${group}/${stored.name}`, schema, parts.converter),
    };
  });
  return { definitions, schemas };
}

/** As long as everything is to go nothing may come. What nobody could see is shown, so that it can be deleted. */
export function closed(
  { definitions, schemas }: CustomKinds,
  definition: CustomResourceDefinition,
  parts: KindParts,
): CustomKinds {
  if (definitions.length === 0) {
    const stored = kindsOf(definition, parts, ({ storage }) => storage);
    return stored.definitions.length === 0 ? none : closed(stored, definition, parts);
  }
  return { schemas, definitions: definitions.map((one) => ({ ...one, withoutVerbs: ['create'] })) };
}
