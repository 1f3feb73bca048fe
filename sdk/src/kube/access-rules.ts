/** What rules of roles allow. Source: k8s.io/kubernetes RBAC evaluation. */
import type { PolicyRule } from './rbac.ts';

/** As much of a request as rules speak of. */
export interface RuleRequest {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty: no single name. */
  readonly name: string;
  /** Of a request to a path that is no resource. */
  readonly path?: string;
}

const all = '*';

function has(list: readonly string[] | undefined, value: string): boolean {
  return list !== undefined && (list.includes(all) || list.includes(value));
}

function hasResource(list: readonly string[] = [], resource: string, subresource: string): boolean {
  if (list.includes(all)) return true;
  if (subresource === '') return list.includes(resource);
  return list.includes(`${resource}/${subresource}`) || list.includes(`${all}/${subresource}`);
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern === all || pattern === path || (pattern.endsWith(all) && path.startsWith(pattern.slice(0, -1)));
}

/** Whether the rule alone allows the request. */
export function ruleAllows(rule: PolicyRule, request: RuleRequest): boolean {
  if (!has(rule.verbs, request.verb)) return false;
  const { path } = request;
  if (path !== undefined) return (rule.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, path));
  const { resourceNames = [] } = rule;
  return (
    has(rule.apiGroups, request.group) &&
    hasResource(rule.resources, request.resource, request.subresource) &&
    (resourceNames.length === 0 || resourceNames.includes(request.name))
  );
}

/** Whether whoever has `owned` may do all that `wanted` allows. Only as far as a single rule covers it. */
function coversWhole(owned: PolicyRule, wanted: PolicyRule): boolean {
  const within = (own: readonly string[] = [], other: readonly string[] = []): boolean =>
    own.includes(all) || other.every((value) => own.includes(value));
  if (!within(owned.verbs, wanted.verbs)) return false;
  const paths = wanted.nonResourceURLs ?? [];
  if (!paths.every((path) => (owned.nonResourceURLs ?? []).some((pattern) => pathMatches(pattern, path)))) return false;
  const resources = wanted.resources ?? [];
  if (resources.length === 0) return true;
  if (!within(owned.apiGroups, wanted.apiGroups)) return false;
  const isCovered = (text: string): boolean => {
    const slash = text.indexOf('/');
    const own = owned.resources ?? [];
    return own.includes(all) || own.includes(text) || (slash >= 0 && own.includes(`${all}${text.slice(slash)}`));
  };
  if (!resources.every(isCovered)) return false;
  const [ownNames = [], names = []] = [owned.resourceNames, wanted.resourceNames];
  return ownNames.length === 0 || (names.length > 0 && names.every((name) => ownNames.includes(name)));
}

/** Rules that grant one thing each. */
function* singles(rule: PolicyRule): Generator<PolicyRule> {
  for (const verb of rule.verbs) {
    for (const path of rule.nonResourceURLs ?? []) yield { verbs: [verb], nonResourceURLs: [path] };
    for (const group of rule.apiGroups ?? [])
      for (const resource of rule.resources ?? []) {
        const single = { verbs: [verb], apiGroups: [group], resources: [resource] };
        const names = rule.resourceNames ?? [];
        if (names.length === 0) yield single;
        for (const name of names) yield { ...single, resourceNames: [name] };
      }
  }
}

export interface Uncovered {
  /** Each grants one thing; the first of them. */
  readonly rules: readonly PolicyRule[];
  /** There was more to compare than is compared. */
  readonly gaveUp: boolean;
}

const comparedLimit = 10_000;
const shownLimit = 50;

/** What `wanted` grants that `owned` does not. */
export function uncoveredRules(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): Uncovered {
  const rules: PolicyRule[] = [];
  let compared = 0;
  for (const rule of wanted) {
    if (owned.some((own) => coversWhole(own, rule))) continue;
    for (const single of singles(rule)) {
      compared += 1;
      if (compared > comparedLimit) return { rules, gaveUp: true };
      if (owned.some((own) => coversWhole(own, single))) continue;
      rules.push(single);
      if (rules.length >= shownLimit) return { rules, gaveUp: false };
    }
  }
  return { rules, gaveUp: false };
}
