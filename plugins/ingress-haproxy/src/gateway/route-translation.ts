/** One route of the Gateway API as routes of the table. */
import { errorMessage } from '@timonel/sdk';
import { objectKey, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import type { Upstreams } from '../cluster/upstreams.ts';
import { covers, hostKey, hostPattern, isHostName } from '../routing/host-pattern.ts';
import { ownerKey, type Behaviour, type Choice, type HostPattern, type Route, type Target } from '../routing/model.ts';
import { applyFilters } from './filters.ts';
import type { CheckedListener, Verdict } from './listeners.ts';
import { matchOf } from './matches.ts';
import type { GatewayObjects } from './objects.ts';
import { permits } from './reference-grants.ts';
import {
  gatewayGroup,
  type BackendReference,
  type HttpMatch,
  type HttpRoute,
  type HttpRule,
  type ParentReference,
  type RouteObject,
} from './types.ts';

export interface TranslatedParent {
  readonly parentRef: ParentReference;
  readonly accepted: Verdict;
  readonly resolvedRefs: Verdict;
  /** To which the route is attached. */
  readonly listeners: readonly CheckedListener[];
}

export interface RouteTranslationInput {
  readonly objects: GatewayObjects;
  readonly upstreams: Upstreams;
  readonly type: ResourceType;
  readonly route: HttpRoute;
  /** Of the Gateways that are served, by the key of the Gateway. */
  readonly listeners: ReadonlyMap<string, readonly CheckedListener[]>;
  /** Pods of gRPC are spoken to by HTTP/2. */
  readonly isGrpc: boolean;
}

const ok = (reason: string): Verdict => ({ ok: true, reason, message: '' });
const no = (reason: string, message: string): Verdict => ({ ok: false, reason, message });

/** More is as good as this: haproxy has no longer ones than 24 days. */
const longestMs = 24 * 3_600_000;

/** `1h30m`, `500ms`; at most a day. Undefined: none, or no limit. */
export function gatewayDurationMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^([0-9]{1,5}(h|m|s|ms)){1,4}$/.test(text)) return undefined;
  const units = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 } as const;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/g))
    total += Number(number) * units[unit as keyof typeof units];
  return total === 0 ? undefined : Math.min(total, longestMs);
}

/** Hosts that are both of the listener and of the route. */
export function commonHosts(listener: HostPattern, hostnames: readonly string[]): readonly HostPattern[] {
  if (hostnames.length === 0) return [listener];
  return hostnames
    .filter(isHostName)
    .map((name) => hostPattern(name, 'many-labels'))
    .flatMap((host) => {
      if (hostKey(host) === hostKey(listener) || covers(listener, host)) return [host];
      return covers(host, listener) ? [listener] : [];
    });
}

/** Undefined: the parent is no Gateway that is served here. */
function servedListeners(
  { group = gatewayGroup, kind = 'Gateway', namespace, name }: ParentReference,
  { metadata }: KubeObject,
  listeners: RouteTranslationInput['listeners'],
): readonly CheckedListener[] | undefined {
  if (group !== gatewayGroup || kind !== 'Gateway') return undefined;
  return listeners.get(`${namespace ?? metadata.namespace ?? ''}/${name}`);
}

/** What becomes of the parents of a route that cannot be read. */
export function unreadable(
  route: RouteObject<unknown>,
  listeners: RouteTranslationInput['listeners'],
  error: unknown,
): readonly TranslatedParent[] {
  const accepted = no('UnsupportedValue', `the route cannot be read: ${errorMessage(error)}`);
  return (route.spec?.parentRefs ?? [])
    .filter((parentRef) => servedListeners(parentRef, route, listeners) !== undefined)
    .map((parentRef) => ({ parentRef, accepted, resolvedRefs: ok('ResolvedRefs'), listeners: [] }));
}

export class RouteTranslation {
  readonly routes: Route[] = [];
  readonly #input: RouteTranslationInput;
  #resolvedRefs: Verdict = ok('ResolvedRefs');

  constructor(input: RouteTranslationInput) {
    this.#input = input;
  }

  /** What became of each parent that is served here. */
  translate(): readonly TranslatedParent[] {
    const { route } = this.#input;
    const unsupported = this.#unsupported();
    const parents = (route.spec?.parentRefs ?? []).flatMap((parentRef) => {
      const listeners = servedListeners(parentRef, route, this.#input.listeners);
      return listeners === undefined ? [] : [{ parentRef, ...this.#attach(parentRef, listeners, unsupported) }];
    });
    return parents.map((parent) => ({ ...parent, resolvedRefs: this.#resolvedRefs }));
  }

  #unsupported(): string | undefined {
    for (const { matches = [{}], filters = [], backendRefs = [] } of this.#input.route.spec?.rules ?? []) {
      for (const match of matches.length === 0 ? [{}] : matches) {
        const found = matchOf(match).unsupported ?? applyFilters(filters, match).unsupported;
        if (found !== undefined) return found;
        for (const backend of backendRefs) {
          const inner = applyFilters(backend.filters ?? [], match).unsupported;
          if (inner !== undefined) return inner;
        }
      }
    }
    return undefined;
  }

  #attach(
    parentRef: ParentReference,
    all: readonly CheckedListener[],
    unsupported: string | undefined,
  ): Pick<TranslatedParent, 'accepted' | 'listeners'> {
    const refused = (reason: string, message: string) => ({ accepted: no(reason, message), listeners: [] });
    const { route, objects, type } = this.#input;
    const { sectionName, port } = parentRef;
    const named = all.filter(
      ({ listener }) =>
        (sectionName === undefined || listener.name === sectionName) && (port === undefined || listener.port === port),
    );
    if (named.length === 0) return refused('NoMatchingParent', 'the Gateway has no listener of that name and port');
    const { namespace = '' } = route.metadata;
    const allowed = named.filter(
      (listener) => listener.kinds.includes(type.kind) && listener.allows(namespace, objects.namespace(namespace)),
    );
    if (allowed.length === 0)
      return refused(
        'NotAllowedByListeners',
        `no listener of the Gateway takes routes of the kind ${type.kind} from the namespace ${namespace}`,
      );
    const hostnames = route.spec?.hostnames ?? [];
    const fitting = allowed.filter(({ host }) => commonHosts(host, hostnames).length > 0);
    if (fitting.length === 0)
      return refused('NoMatchingListenerHostname', 'no listener of the Gateway has a hostname of the route');
    if (unsupported !== undefined) return refused('UnsupportedValue', unsupported);
    for (const listener of fitting) this.#addRoutes(listener, hostnames);
    return { accepted: ok('Accepted'), listeners: fitting };
  }

  #addRoutes(checked: CheckedListener, hostnames: readonly string[]): void {
    if (!checked.accepted.ok || !checked.resolvedRefs.ok) {
      // What is wrong with its backends is told all the same.
      for (const rule of this.#input.route.spec?.rules ?? []) this.#choices(rule, {}, {});
      return;
    }
    const { route, type } = this.#input;
    const owner = ownerKey(type, route);
    const age = `${route.metadata.creationTimestamp ?? ''} ${objectKey(route)}`;
    for (const host of commonHosts(checked.host, hostnames)) {
      for (const [ruleIndex, rule] of (route.spec?.rules ?? []).entries()) {
        const matches = rule.matches === undefined || rule.matches.length === 0 ? [{}] : rule.matches;
        for (const [matchIndex, match] of matches.entries()) {
          const order = `g${age} ${String(ruleIndex).padStart(3, '0')} ${String(matchIndex).padStart(3, '0')}`;
          this.#addRoute(checked, host, rule, match, { order, owner });
        }
      }
    }
  }

  #addRoute(
    { listener, tls }: CheckedListener,
    host: HostPattern,
    rule: HttpRule,
    match: HttpMatch,
    about: Pick<Route, 'order' | 'owner'>,
  ): void {
    const matched = matchOf(match);
    const filtered = applyFilters(rule.filters ?? [], match, timeoutsOf(rule));
    if (matched.unsupported !== undefined || filtered.unsupported !== undefined) return;
    const { redirect, behaviour } = filtered;
    const target: Target =
      redirect === undefined
        ? { kind: 'choices', choices: this.#choices(rule, match, behaviour) }
        : { kind: 'redirect', redirect: withPort(redirect, listener.port, tls) };
    this.routes.push({
      ports: [listener.port],
      host,
      path: matched.path,
      conditions: matched.conditions,
      target,
      ...about,
    });
  }

  #choices({ backendRefs = [] }: HttpRule, match: HttpMatch, behaviour: Behaviour): readonly Choice[] {
    const choices = backendRefs
      .filter(({ weight = 1 }) => weight > 0)
      .map((backend): Choice => {
        const filtered = applyFilters(backend.filters ?? [], match, behaviour);
        const inner = filtered.unsupported === undefined ? filtered.behaviour : behaviour;
        return { upstream: this.#upstream(backend), weight: backend.weight ?? 1, behaviour: inner };
      });
    return choices.length === 0 ? [{ upstream: undefined, weight: 1, behaviour }] : choices;
  }

  #upstream({ group = '', kind = 'Service', name, namespace: given, port }: BackendReference): string | undefined {
    const { route, objects, upstreams, type, isGrpc } = this.#input;
    const { namespace = '' } = route.metadata;
    const other = given ?? namespace;
    const refuse = (reason: string, message: string): undefined => void (this.#resolvedRefs = no(reason, message));
    if (group !== '' || kind !== 'Service')
      return refuse('InvalidKind', `backends of the kind ${kind} are not served: name a Service`);
    if (
      !permits(
        objects,
        { group: gatewayGroup, kind: type.kind, namespace },
        { group: '', kind: 'Service', namespace: other, name },
      )
    )
      return refuse(
        'RefNotPermitted',
        `no ReferenceGrant in the namespace ${other} lets this route use the Service ${name}`,
      );
    const resolved = upstreams.resolve(other, name, port, isGrpc ? 'h2c' : undefined);
    if (resolved.found) return resolved.id;
    return refuse('BackendNotFound', resolved.message);
  }
}

function timeoutsOf({ timeouts = {} }: HttpRule): Behaviour {
  const timeoutMs = gatewayDurationMs(timeouts.request) ?? gatewayDurationMs(timeouts.backendRequest);
  return timeoutMs === undefined ? {} : { timeoutMs };
}

type RedirectWithoutPort = Extract<Target, { kind: 'redirect' }>['redirect'];

/** Where nothing is said, the port is that of the scheme, or else that of the listener. */
function withPort(redirect: RedirectWithoutPort, listenerPort: number, tls: boolean): RedirectWithoutPort {
  const { scheme, port } = redirect;
  const wanted = port ?? (scheme === undefined ? listenerPort : undefined);
  const usual = (scheme ?? (tls ? 'https' : 'http')) === 'https' ? 443 : 80;
  const { port: _, ...rest } = redirect;
  return wanted === undefined || wanted === usual ? rest : { ...rest, port: wanted };
}
