/** Libraries by the names that environments use. */
import type { CelLibrary } from '../environment.ts';
import { authorizers, authorizerTypes } from './authorizer.ts';
import { finding } from './find.ts';
import { formatTypes, namedFormats } from './formats.ts';
import { cidrs, cidrTypes, ips, ipTypes } from './ip.ts';
import { jsonPatch } from './json-patch.ts';
import { lists } from './lists.ts';
import { math } from './math.ts';
import { optionals } from './optionals.ts';
import type { Overload } from './overload.ts';
import { quantities, quantityTypes } from './quantity.ts';
import { semvers, semverTypes } from './semver.ts';
import { sets } from './sets.ts';
import { strings } from './strings.ts';
import { urls, urlTypes } from './urls.ts';

export interface Library {
  readonly functions: readonly Overload[];
  /** Names of the types it brings. */
  readonly types?: readonly string[];
}

export const libraries: Readonly<Record<CelLibrary, Library>> = {
  strings: { functions: strings },
  lists: { functions: lists },
  sets: { functions: sets },
  math: { functions: math },
  regex: { functions: finding },
  urls: { functions: urls, types: urlTypes },
  authorizer: { functions: authorizers, types: authorizerTypes },
  quantity: { functions: quantities, types: quantityTypes },
  ip: { functions: ips, types: ipTypes },
  cidr: { functions: cidrs, types: [...ipTypes, ...cidrTypes] },
  format: { functions: namedFormats, types: formatTypes },
  semver: { functions: semvers, types: semverTypes },
  jsonpatch: { functions: jsonPatch },
  optional: { functions: optionals },
  // Macros only.
  bindings: { functions: [] },
  'two-variables': { functions: [] },
};
