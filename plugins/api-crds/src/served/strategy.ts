/** What is done to objects of a version on their way in. */
import type { Pauses } from '@timonel/sdk/admission';
import type { Strategy } from '@timonel/sdk/contracts/api-server';
import { Findings, type CustomResourceVersion, type FieldError, type KubeObject } from '@timonel/sdk/kube';
import { fieldNames, valuesAt } from '../definition/paths.ts';
import { Budget } from '../schema/budget.ts';
import { Check } from '../schema/check.ts';
import { Defaulting } from '../schema/defaults.ts';
import { Pruning } from '../schema/prune.ts';
import type { Json, Schema } from '../schema/schema.ts';
import { checkUniqueItems } from '../schema/unique-items.ts';
import { RuleValidation } from '../rules/validate.ts';
import { tableOf } from './columns.ts';

const json = (object: KubeObject): Json => object as unknown as Json;

/** Drops unknown fields. Returns their paths. */
export function prune(object: Json, schema: Schema): string[] {
  const pruning = new Pruning(new Budget());
  pruning.object(object, schema);
  return pruning.dropped;
}

/** Returns how many fields were set or dropped. */
export function setDefaults(object: Json, schema: Schema): number {
  const defaulting = new Defaulting(new Budget());
  const { metadata, ...rest } = object;
  defaulting.value(rest, schema);
  if (defaulting.changes > 0) {
    for (const name of Object.keys(object)) if (name !== 'metadata' && !Object.hasOwn(rest, name)) delete object[name];
    Object.assign(object, rest, metadata === undefined ? {} : { metadata });
  }
  return defaulting.changes;
}

/** What is wrong with the form of an object, so that rules cannot look at it. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueRequired',
  'FieldValueTypeInvalid',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueNotSupported',
]);
const rulesUnchecked =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

function findingsOf(object: KubeObject, schema: Schema, old?: KubeObject): FieldError[] {
  const budget = new Budget();
  const found = new Findings();
  new Check(budget, found).value(object, schema, '', old === undefined ? undefined : { value: old });
  checkUniqueItems(object, schema, { path: '', found, budget });
  return found.all();
}

async function findingsOfRules(
  object: KubeObject,
  schema: Schema,
  { old, before, pauses }: { old: KubeObject | undefined; before: readonly FieldError[]; pauses: Pauses },
): Promise<FieldError[]> {
  const found = new Findings();
  if (before.some(({ reason }) => blocking.has(reason))) found.invalid('<nil>', null, rulesUnchecked);
  else {
    const rules = new RuleValidation(found);
    for (const _ of rules.value(object, schema, '', old === undefined ? undefined : { value: old }, true))
      await pauses.due();
  }
  return found.all();
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Texts of the fields by which objects can be selected. */
function selectable({ selectableFields = [] }: CustomResourceVersion): Strategy['selectableFields'] {
  if (selectableFields.length === 0) return undefined;
  const paths = selectableFields.map(({ jsonPath }) => {
    const names = fieldNames(jsonPath) ?? [];
    return [names.join('.'), names.map((name) => ({ kind: 'field', name }) as const)] as const;
  });
  return (object) =>
    Object.fromEntries(
      paths.map(([path, steps]) => {
        const [value] = valuesAt(object, steps);
        return [path, textOf(value)];
      }),
    );
}

function deprecationOf({ deprecationWarning }: CustomResourceVersion, { apiVersion, kind }: KubeObject): string {
  return deprecationWarning ?? `${apiVersion} ${kind} is deprecated`;
}

export function strategyOf(version: CustomResourceVersion, schema: Schema, pauses: () => Pauses): Strategy {
  const hasStatus = version.subresources?.status !== undefined;
  const selectableFields = selectable(version);
  const table = tableOf(version.additionalPrinterColumns ?? []);
  const settle = (object: KubeObject): void => {
    prune(json(object), schema);
    setDefaults(json(object), schema);
  };
  return {
    default: (object) => void setDefaults(json(object), schema),
    // Admission may have put in what the schema does not have.
    prepareForCreate(object) {
      if (hasStatus) delete json(object)['status'];
      settle(object);
    },
    prepareForUpdate(object, old) {
      if (hasStatus) {
        const status = json(old)['status'];
        if (status === undefined) delete json(object)['status'];
        else json(object)['status'] = status;
      }
      settle(object);
    },
    prepareStatusUpdate: settle,
    validate: (object) => findingsOf(object, schema),
    validateUpdate: (object, old) => findingsOf(object, schema, old),
    validateStatusUpdate: (object, old) => findingsOf(object, schema, old),
    ...(schema.hasRules && {
      validateInTurns: (object: KubeObject, old: KubeObject | undefined, before: readonly FieldError[]) =>
        findingsOfRules(object, schema, { old, before, pauses: pauses() }),
    }),
    cells: (object, context) => table.cells(object, context),
    ...(selectableFields === undefined ? {} : { selectableFields }),
    ...(version.deprecated === true ? { warnings: (object) => [deprecationOf(version, object)] } : {}),
  };
}
