/** What expressions may speak of: variables, types and libraries. */
import type { CelType } from './types/type.ts';

/** The language itself (operators, macros, conversions, times) is always there. */
export type CelLibrary =
  | 'strings'
  | 'lists'
  | 'sets'
  | 'math'
  | 'regex'
  | 'urls'
  | 'authorizer'
  | 'quantity'
  | 'ip'
  | 'cidr'
  | 'format'
  | 'semver'
  | 'jsonpatch'
  | 'optional'
  | 'bindings'
  | 'two-variables';

/**
 * All: those of Kubernetes 1.35, and `math`, `bindings` and more of `lists` (from `slice` to `lists.range`), which it lacks. `authorizer`
 * is of use only where a variable of its type is declared.
 */
export const allLibraries: readonly CelLibrary[] = [
  'strings',
  'lists',
  'sets',
  'math',
  'regex',
  'urls',
  'authorizer',
  'quantity',
  'ip',
  'cidr',
  'format',
  'semver',
  'jsonpatch',
  'optional',
  'bindings',
  'two-variables',
];

export interface CelEnvironment {
  /** Types of the variables by name; `dynType` for what is known only when the expression runs. */
  readonly variables: Readonly<Record<string, CelType>>;
  /** All unless given. */
  readonly libraries?: readonly CelLibrary[];
  /** Types that expressions name, as in `Object.spec{replicas: 1}`. */
  readonly types?: (name: string) => CelType | undefined;
  /** Types of results that are accepted, exactly: what is known only when the expression runs is not; every one unless given. */
  readonly results?: readonly CelType[];
  /** Elements of a literal list, keys and values of a literal map may differ in type (Kubernetes refuses them, as is the default). */
  readonly mixedLiterals?: boolean;
}
