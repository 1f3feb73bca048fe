/**
 * Turns routes into lookups: the host leads to a group, group and path to a node, and the node to a target, at once or by the conditions of
 * its routes. A group whose nodes do not fit hands over to the next group that its host is also in.
 */
import { compareHosts, covers, hostKey } from './host-pattern.ts';
import type { Condition, HostPattern, Route, Target } from './model.ts';

/** Where a request goes that fulfils the conditions. */
export interface Candidate {
  readonly conditions: readonly Condition[];
  readonly target: Target;
}

export interface PathNode {
  readonly kind: 'exact' | 'prefix';
  /** A prefix has no slash at its end; that of all paths is empty. */
  readonly path: string;
  /** In the order in which they are tried. The last may have conditions too: then the next group decides. */
  readonly candidates: readonly Candidate[];
}

export interface HostGroup {
  readonly pattern: HostPattern;
  readonly nodes: readonly PathNode[];
  /** Index of the group that is asked next. */
  readonly next: number | undefined;
}

/** Of one port. */
export interface Lookup {
  /** The more special host first. */
  readonly groups: readonly HostGroup[];
  /** The most groups that are asked for one request. */
  readonly depth: number;
}

function count(route: Route, on: Condition['on']): number {
  return route.conditions.filter((condition) => condition.on === on).length;
}

/** As the Gateway API orders routes with the same path. */
function compareRoutes(a: Route, b: Route): number {
  return (
    count(b, 'method') - count(a, 'method') ||
    count(b, 'header') - count(a, 'header') ||
    count(b, 'query') - count(a, 'query') ||
    (a.order < b.order ? -1 : a.order > b.order ? 1 : 0)
  );
}

function normalPath({ kind, value }: Route['path']): string {
  const path = value === '' ? '/' : value;
  return kind === 'exact' ? path : path.replace(/\/+$/, '');
}

/** Those whose candidates are tried, the own ones first: shorter prefixes take over what conditions let through. */
function candidatesOf(
  path: string,
  own: readonly Route[],
  prefixes: ReadonlyMap<string, readonly Route[]>,
): Candidate[] {
  const found: Candidate[] = [];
  const add = (routes: readonly Route[]): boolean => {
    for (const { conditions, target } of routes.toSorted(compareRoutes)) {
      found.push({ conditions, target });
      if (conditions.length === 0) return true;
    }
    return false;
  };
  if (add(own)) return found;
  for (let end = path.length; end >= 0; end = end === 0 ? -1 : path.lastIndexOf('/', end - 1)) {
    const routes = prefixes.get(path.slice(0, end));
    if (routes !== undefined && routes !== own && add(routes)) break;
  }
  return found;
}

function nodesOf(routes: readonly Route[]): PathNode[] {
  const byPath = { exact: new Map<string, Route[]>(), prefix: new Map<string, Route[]>() };
  for (const route of routes) {
    const paths = byPath[route.path.kind];
    const path = normalPath(route.path);
    const others = paths.get(path);
    if (others === undefined) paths.set(path, [route]);
    else others.push(route);
  }
  return (['exact', 'prefix'] as const).flatMap((kind) =>
    [...byPath[kind]].map(([path, own]) => ({ kind, path, candidates: candidatesOf(path, own, byPath.prefix) })),
  );
}

function depthOf(groups: readonly HostGroup[], from: number): number {
  let depth = 0;
  for (let at: number | undefined = from; at !== undefined; at = groups[at]?.next) depth += 1;
  return depth;
}

/** The lookup of the routes that a port serves. */
export function compile(routes: readonly Route[]): Lookup {
  const byHost = new Map<string, Route[]>();
  for (const route of routes) {
    const key = hostKey(route.host);
    const others = byHost.get(key);
    if (others === undefined) byHost.set(key, [route]);
    else others.push(route);
  }
  const sorted = [...byHost.values()]
    .flatMap((members) => (members[0] === undefined ? [] : [{ pattern: members[0].host, members }]))
    .toSorted((a, b) => compareHosts(a.pattern, b.pattern));
  // Only patterns with wildcards cover others, and they are few.
  const wide = sorted.flatMap(({ pattern }, index) => (pattern.kind === 'exact' ? [] : [{ pattern, index }]));
  const groups = sorted.map(({ pattern, members }) => ({
    pattern,
    nodes: nodesOf(members),
    next: wide.find((other) => covers(other.pattern, pattern))?.index,
  }));
  return { groups, depth: groups.reduce((most, _, index) => Math.max(most, depthOf(groups, index)), 0) };
}
