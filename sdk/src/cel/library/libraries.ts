/** Libraries by the names that environments use. */
import type { CelLibrary } from '../environment.ts';
import { optionals } from './optionals.ts';
import type { Overload } from './overload.ts';

export interface Library {
  readonly functions: readonly Overload[];
  /** Names of the types it brings. */
  readonly types?: readonly string[];
}

const none: Library = { functions: [] };

export const libraries: Readonly<Record<CelLibrary, Library>> = {
  strings: none,
  lists: none,
  sets: none,
  math: none,
  regex: none,
  urls: none,
  authorizer: none,
  quantity: none,
  ip: none,
  cidr: none,
  format: none,
  semver: none,
  optional: { functions: optionals },
  // Macros only.
  bindings: none,
  'two-variables': none,
};
