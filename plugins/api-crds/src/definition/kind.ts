/** CustomResourceDefinition as a kind of the API. */
import type { Pauses } from '@timonel/sdk/admission';
import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import {
  customResourceCleanup,
  customResourceDefinitions,
  Findings,
  isDefinitionCondition,
  withDefinitionCondition,
  type CustomResourceDefinition,
  type FieldError,
} from '@timonel/sdk/kube';
import type { Clock } from '@timonel/sdk';
import { equalJson } from '../schema/equal.ts';
import { isJson } from '../schema/schema.ts';
import { listIn, objectIn, textIn } from './part.ts';
import {
  checkSchemas,
  checkStoredVersions,
  findingsOf,
  findingsOfName,
  findingsOfUpdate,
  type IsTaken,
} from './validate.ts';

function fill(object: Record<string, unknown>, values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (object[name] === undefined || object[name] === null || object[name] === '') object[name] = value;
  }
}

function setDefaults({ spec }: CustomResourceDefinition): void {
  if (!isJson(spec)) return;
  fill(spec, { conversion: { strategy: 'None' } });
  const { names } = spec as Record<string, unknown>;
  const kind = textIn(names, 'kind');
  if (isJson(names) && kind !== '') fill(names, { singular: kind.toLowerCase(), listKind: `${kind}List` });
  const { service } = objectIn(objectIn(objectIn(spec, 'conversion'), 'webhook'), 'clientConfig');
  if (isJson(service)) fill(service, { port: 443 });
}

const versionsOf = ({ spec }: CustomResourceDefinition): readonly unknown[] => listIn(spec, 'versions');

function storageVersions(definition: CustomResourceDefinition): string[] {
  return versionsOf(definition)
    .filter((version) => isJson(version) && version['storage'] === true)
    .map((version) => textIn(version, 'name'));
}

/** Objects of the kind go first: the definition stays until somebody says that they are gone. */
function holdForCleanup(definition: CustomResourceDefinition, clock: Clock): void {
  const { metadata } = definition;
  metadata.finalizers = [...(metadata.finalizers ?? []), customResourceCleanup];
  const condition = {
    type: 'Terminating',
    status: 'True',
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  };
  const conditions = withDefinitionCondition(definition.status?.conditions ?? [], condition, clock.timestamp());
  definition.status = { ...definition.status, conditions };
}

/** More would tell nobody more. */
const mostFindings = 200;

/** What was there before may stay. */
async function findingsOfSchemas(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
  pauses: Pauses,
): Promise<FieldError[]> {
  if (old !== undefined && equalJson(versionsOf(definition), versionsOf(old))) return [];
  const found = new Findings();
  for (const _ of checkSchemas(definition, found)) {
    if (found.all().length >= mostFindings) break;
    await pauses.due();
  }
  return found.all();
}

export function customResourceDefinitionKind(
  clock: Clock,
  isTaken: IsTaken,
  pauses: () => Pauses,
): ResourceDefinition<CustomResourceDefinition> {
  return Object.freeze({
    ...customResourceDefinitions,
    singular: 'customresourcedefinition',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    schema: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
    generation: true,
    status: true,
    scale: undefined,
    subresources: {},
    columns: [
      { name: 'Name', type: 'string', format: 'name', description: 'Name of the definition.', priority: 0 },
      { name: 'Created At', type: 'date', description: 'When it was created.', priority: 0 },
    ],
    strategy: {
      default: setDefaults,
      prepareForCreate(definition) {
        definition.status = { acceptedNames: { plural: '', kind: '' }, storedVersions: storageVersions(definition) };
      },
      prepareForUpdate(definition, old) {
        const stored = new Set([...(old.status?.storedVersions ?? []), ...storageVersions(definition)]);
        definition.status = { ...old.status, storedVersions: [...stored] };
      },
      validate: (definition) => [...findingsOf(definition), ...findingsOfName(definition, isTaken)],
      validateUpdate: (definition, old) => [...findingsOf(definition), ...findingsOfUpdate(definition, old)],
      validateInTurns: (definition, old) => findingsOfSchemas(definition, old, pauses()),
      validateStatusUpdate(definition) {
        const found = new Findings();
        checkStoredVersions(definition, found);
        if (listIn(definition.status, 'storedVersions').length === 0) {
          found.invalid('status.storedVersions', [], 'must have at least one stored version');
        }
        return found.all();
      },
      finalizers: ({ metadata }) => (metadata.deletionTimestamp === undefined ? [customResourceCleanup] : []),
      prepareForDelete: (definition) => holdForCleanup(definition, clock),
      cells: ({ metadata }) => [metadata.name ?? '', metadata.creationTimestamp ?? ''],
    },
  } satisfies ResourceDefinition<CustomResourceDefinition>);
}

/** Whether the kinds of a definition are served. */
export function isServed(definition: CustomResourceDefinition): boolean {
  return isDefinitionCondition(definition, 'Established');
}
