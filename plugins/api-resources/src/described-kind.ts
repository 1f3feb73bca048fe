import type {
  PartSubresource,
  ResourceDefinition,
  ScaleMapping,
  StoredAs,
  WriteContext,
} from '@timonel/sdk/contracts/api-server';
import { dnsSubdomainProblems, type FieldError, type KubeObject } from '@timonel/sdk/kube';
import type { Json } from './defaults.ts';
import type { CellColumn } from './table/columns.ts';
import { Part } from './validation/part.ts';

/** What there is to say about a kind, beside its schema. Everything but its names has a default. */
export interface KindDescription {
  /** Empty for the core group. */
  readonly group: string;
  /** Default `v1`. */
  readonly version?: string;
  readonly kind: string;
  readonly resource: string;
  /** Default true. */
  readonly namespaced?: boolean;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Whether metadata.generation counts changes of the spec. Default false. */
  readonly generation?: boolean;
  /** The status of a new object. Given: /status is served. */
  readonly status?: Readonly<Json>;
  /** Whether writes to /status and `parts` take labels, annotations, finalizers and owners along. */
  readonly statusMetadata?: true;
  /** Whether a new object begins with `status`. Default true. */
  readonly resetsStatus?: boolean;
  readonly scale?: ScaleMapping;
  readonly parts?: Readonly<Record<string, PartSubresource>>;
  readonly storedAs?: StoredAs;
  /** Key of the schema, where it is none of `io.k8s.api`. */
  readonly schema?: string;
  readonly nameProblems?: (name: string) => string[];
  /** None: kubectl shows the name and when the object was created. */
  readonly columns?: readonly CellColumn[];
  readonly default?: (object: Json) => void;
  /** Sets what the server sets in a new object. */
  readonly prepare?: (object: Json, context: WriteContext | undefined) => void;
  readonly prepareUpdate?: (object: Json, old: Json) => void;
  readonly check?: (object: Part) => void;
  /** What an update may not do, beside what `check` finds. */
  readonly checkUpdate?: (object: Part, old: Part) => void;
  readonly checkStatus?: (object: Part, old: Part) => void;
  /** Fields that no update may change, with dots between names. */
  readonly immutable?: readonly string[];
  readonly fields?: (object: KubeObject) => Record<string, string>;
  readonly warnings?: (object: Part) => string[];
}

const json = (object: KubeObject): Json => object as unknown as Json;

function findingsOf(object: KubeObject, check: ((part: Part) => void) | undefined): FieldError[] {
  const part = new Part(object);
  check?.(part);
  return part.found.all();
}

function checkStep(input: KindDescription, object: Part, old: Part): void {
  input.check?.(object);
  for (const path of input.immutable ?? []) {
    const names = path.split('.');
    const last = names.pop() ?? '';
    const [now, before] = [object, old].map((part) => names.reduce<Part>((inner, name) => inner.at(name), part));
    if (before !== undefined) now?.unchanged(before, last);
  }
  input.checkUpdate?.(object, old);
}

function strategyOf(input: KindDescription): ResourceDefinition['strategy'] {
  const { status, columns = [], fields, warnings, checkStatus } = input;
  return {
    default: (object) => input.default?.(json(object)),
    prepareForCreate(object, context) {
      if (status !== undefined && input.resetsStatus !== false) json(object)['status'] = structuredClone(status);
      input.prepare?.(json(object), context);
    },
    prepareForUpdate(object, old) {
      if (status !== undefined) keepStatus(json(object), json(old));
      input.prepareUpdate?.(json(object), json(old));
    },
    validate: (object) => findingsOf(object, input.check),
    validateUpdate: (object, old) => findingsOf(object, (part) => checkStep(input, part, new Part(old))),
    validateStatusUpdate: (object, old) => findingsOf(object, (part) => checkStatus?.(part, new Part(old))),
    ...(fields === undefined ? {} : { selectableFields: fields }),
    ...(warnings === undefined ? {} : { warnings: (object: KubeObject) => warnings(new Part(object)) }),
    ...(columns.length === 0 ? {} : { cells: (object, context) => columns.map(({ cell }) => cell(object, context)) }),
  };
}

function keepStatus(object: Json, old: Json): void {
  if (old['status'] === undefined) delete object['status'];
  else object['status'] = old['status'];
}

/** `io.k8s.api.rbac.v1.Role`. */
function schemaOf(group: string, version: string, kind: string): string {
  return `io.k8s.api.${group === '' ? 'core' : group.split('.', 1)[0]}.${version}.${kind}`;
}

/** The definition of a kind from its description. */
export function describedKind(input: KindDescription): ResourceDefinition {
  const { group, version = 'v1', kind, resource, parts, storedAs } = input;
  return Object.freeze({
    group,
    version,
    kind,
    resource,
    singular: kind.toLowerCase(),
    shortNames: input.shortNames ?? [],
    categories: input.categories ?? [],
    namespaced: input.namespaced ?? true,
    schema: input.schema ?? schemaOf(group, version, kind),
    generation: input.generation ?? false,
    status: input.status !== undefined,
    ...(input.statusMetadata === true ? { statusMetadata: true } : {}),
    scale: input.scale,
    subresources: {},
    columns: (input.columns ?? []).map(({ cell: _cell, ...shape }) => shape),
    strategy: strategyOf(input),
    nameProblems: input.nameProblems ?? dnsSubdomainProblems,
    ...(parts === undefined ? {} : { parts }),
    ...(storedAs === undefined ? {} : { storedAs }),
  });
}

/** A kind that is never stored: a POST is answered with the object completed. */
export function answeredKind(
  input: Pick<KindDescription, 'group' | 'kind' | 'resource' | 'namespaced'>,
  answer: NonNullable<ResourceDefinition['answer']>,
): ResourceDefinition {
  return Object.freeze({ ...describedKind(input), answer });
}

/** A kind that is never stored: its objects are made when somebody reads them. */
export function listedKind(
  input: KindDescription,
  listed: NonNullable<ResourceDefinition['listed']>,
): ResourceDefinition {
  return Object.freeze({ ...describedKind(input), listed });
}
