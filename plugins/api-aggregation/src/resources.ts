/** What a server says it serves, as far as it makes sense. */
import type { RoutedResource } from '@timonel/sdk/contracts/api-server';

const mostResources = 1000;
const mostNames = 50;

type Loose = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9][\w./-]{0,252}$/.test(value);
}

function namesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.slice(0, mostNames).filter(isName) : [];
}

function resourceOf(value: unknown): RoutedResource | undefined {
  if (!isObject(value)) return undefined;
  const { name, kind, namespaced, singularName, group, version } = value;
  if (!isName(name) || !isName(kind)) return undefined;
  const shortNames = namesIn(value['shortNames']);
  const categories = namesIn(value['categories']);
  return {
    name,
    kind,
    namespaced: namespaced === true,
    verbs: namesIn(value['verbs']),
    ...(isName(singularName) ? { singularName } : {}),
    ...(shortNames.length > 0 ? { shortNames } : {}),
    ...(categories.length > 0 ? { categories } : {}),
    ...(isName(group) ? { group } : {}),
    ...(isName(version) ? { version } : {}),
  };
}

/** Of an APIResourceList. @throws Error when it is something else */
export function resourcesIn(answer: unknown): readonly RoutedResource[] {
  const resources = isObject(answer) && answer['kind'] === 'APIResourceList' ? answer['resources'] : undefined;
  if (!Array.isArray(resources)) throw new Error('the answer is no APIResourceList');
  if (resources.length > mostResources) throw new Error(`the answer has more than ${mostResources} resources`);
  return resources.map(resourceOf).filter((resource) => resource !== undefined);
}

/** What names the present state of a document, of an index of OpenAPI 3. */
export function openApiHash(index: unknown, name: string): string | undefined {
  const paths = isObject(index) ? index['paths'] : undefined;
  const entry = isObject(paths) && Object.hasOwn(paths, name) ? paths[name] : undefined;
  const url = isObject(entry) ? entry['serverRelativeURL'] : undefined;
  if (typeof url !== 'string') return undefined;
  return /[?&]hash=([\w%.-]{1,200})(?:&|$)/.exec(url)?.[1] ?? '0';
}
