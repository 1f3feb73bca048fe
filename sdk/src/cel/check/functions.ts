/** The functions and the types that an environment knows. */
import type { CelEnvironment, CelLibrary } from '../environment.ts';
import { allLibraries } from '../environment.ts';
import { libraries } from '../library/libraries.ts';
import type { Overload } from '../library/overload.ts';
import { standardFunctions } from '../library/standard.ts';
import type { MacroSet } from '../syntax/macros.ts';
import { dynType, listType, mapType, opaqueType, optionalType, typeType, type CelType } from '../types/type.ts';

export interface Vocabulary {
  readonly functions: ReadonlyMap<string, readonly Overload[]>;
  /** Types that are values: `int`, `google.protobuf.Timestamp`. */
  readonly typeNames: ReadonlyMap<string, CelType>;
  readonly macros: MacroSet;
}

const languageTypes: readonly (readonly [string, CelType])[] = [
  ...(['bool', 'int', 'uint', 'double', 'string', 'bytes'] as const).map((kind) => [kind, { kind }] as const),
  ['null_type', { kind: 'null' }],
  ['list', listType(dynType)],
  ['map', mapType(dynType, dynType)],
  ['type', typeType(dynType)],
  ['google.protobuf.Timestamp', { kind: 'timestamp' }],
  ['google.protobuf.Duration', { kind: 'duration' }],
];

function vocabularyOf(names: readonly CelLibrary[]): Vocabulary {
  const functions = new Map<string, Overload[]>();
  const all = [...standardFunctions, ...names.flatMap((name) => libraries[name].functions)];
  for (const overload of all) {
    const known = functions.get(overload.name);
    if (known === undefined) functions.set(overload.name, [overload]);
    else known.push(overload);
  }
  const opaque = names.flatMap((name) => libraries[name].types ?? []).map((name) => [name, opaqueType(name)] as const);
  const optional = names.includes('optional') ? [['optional_type', optionalType(dynType)] as const] : [];
  return {
    functions,
    typeNames: new Map([...languageTypes, ...opaque, ...optional]),
    macros: {
      bindings: names.includes('bindings'),
      optional: names.includes('optional'),
      twoVariables: names.includes('two-variables'),
    },
  };
}

const known = new WeakMap<readonly CelLibrary[], Vocabulary>();

/** Made once for each list of libraries. */
export function vocabulary({ libraries: names = allLibraries }: CelEnvironment): Vocabulary {
  const made = known.get(names) ?? vocabularyOf(names);
  known.set(names, made);
  return made;
}
