/** Matches of routes as paths and conditions. */
import { isLongPath, longestPath } from '../haproxy/words.ts';
import type { Condition, Route } from '../routing/model.ts';
import type { GrpcRoute, GrpcRule, HttpMatch, HttpRoute, HttpRule, NamedMatch } from './types.ts';

export type Matched =
  | { readonly path: Route['path']; readonly conditions: readonly Condition[]; readonly unsupported?: undefined }
  | { readonly unsupported: string };

const methods: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'CONNECT',
  'OPTIONS',
  'TRACE',
  'PATCH',
]);
/** Of one match, by header and by query: together they are one line of haproxy, which takes 64 words. */
const mostConditions = 40;
const conditionName = /^[A-Za-z0-9_.~-]{1,256}$/;

function namedConditions(on: 'header' | 'query', list: readonly NamedMatch[]): Condition[] | string {
  const seen = new Set<string>();
  const found: Condition[] = [];
  for (const { type = 'Exact', name, value } of list) {
    if (type !== 'Exact') return `matches of the type ${type} are not served`;
    if (typeof value !== 'string') return `the value of a ${on} match is no text`;
    if (!conditionName.test(name)) return `the name ${name} of a ${on} match is not served`;
    const key = on === 'header' ? name.toLowerCase() : name;
    // Of several with one name the first counts.
    if (!seen.has(key)) found.push({ on, name: key, value });
    seen.add(key);
  }
  return found;
}

export function matchOf({ path = {}, headers = [], queryParams = [], method }: HttpMatch): Matched {
  const { type = 'PathPrefix', value = '/' } = path;
  if (type !== 'PathPrefix' && type !== 'Exact') return { unsupported: `paths of the type ${type} are not served` };
  if (!value.startsWith('/')) return { unsupported: `the path ${value} does not begin with a slash` };
  if (isLongPath(value)) return { unsupported: `a path has more than ${longestPath} bytes` };
  if (method !== undefined && !methods.has(method)) return { unsupported: `the method ${method} is not served` };
  if (headers.length + queryParams.length > mostConditions)
    return { unsupported: `a match has more than ${mostConditions} headers and parameters` };
  const [byHeader, byQuery] = [namedConditions('header', headers), namedConditions('query', queryParams)];
  if (typeof byHeader === 'string') return { unsupported: byHeader };
  if (typeof byQuery === 'string') return { unsupported: byQuery };
  const byMethod: Condition[] = method === undefined ? [] : [{ on: 'method', name: '', value: method }];
  return {
    path: { kind: type === 'Exact' ? 'exact' : 'prefix', value },
    conditions: [...byMethod, ...byHeader, ...byQuery],
  };
}

/** A method of gRPC is a path. */
function httpRule({ matches = [], ...rest }: GrpcRule): HttpRule {
  const paths = matches.map(({ method = {}, headers = [] }): HttpMatch => {
    const { type = 'Exact', service, method: name } = method;
    if (type !== 'Exact') return { path: { type }, headers };
    if (service === undefined) return name === undefined ? { headers } : { path: { type: 'method without a service' } };
    return {
      path:
        name === undefined
          ? { type: 'PathPrefix', value: `/${service}` }
          : { type: 'Exact', value: `/${service}/${name}` },
      headers,
    };
  });
  return { ...rest, ...(paths.length === 0 ? {} : { matches: paths }) };
}

/** The same as a route of HTTP. */
export function asHttpRoute({ spec = {}, ...route }: GrpcRoute): HttpRoute {
  return { ...route, spec: { ...spec, rules: (spec.rules ?? []).map(httpRule) } };
}
