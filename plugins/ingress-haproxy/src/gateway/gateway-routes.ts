/** Gateways and their routes as listeners and routes of the table, and what their status is to say. */
import { objectKey, type KubeObject, type ResourceType } from '@timonel/sdk/kube';
import type { Problem } from '../cluster/problem.ts';
import type { Upstreams } from '../cluster/upstreams.ts';
import { controllerName } from '../ingress/classes.ts';
import type { Listener, Route } from '../routing/model.ts';
import { checkListener, type AllowedPorts, type CheckedListener, type Verdict } from './listeners.ts';
import { asHttpRoute } from './matches.ts';
import type { GatewayObjects } from './objects.ts';
import { RouteTranslation, unreadable, type TranslatedParent } from './route-translation.ts';
import { gateways, grpcRoutes, httpRoutes, type Gateway, type GatewayClass, type RouteObject } from './types.ts';

export interface TranslatedGateway {
  readonly gateway: Gateway;
  readonly listeners: readonly { readonly checked: CheckedListener; readonly attachedRoutes: number }[];
}

export interface TranslatedRoute {
  readonly type: ResourceType<RouteObject<unknown>>;
  readonly route: RouteObject<unknown>;
  readonly parents: readonly TranslatedParent[];
}

export interface GatewayRoutes {
  readonly classes: readonly GatewayClass[];
  readonly gateways: readonly TranslatedGateway[];
  readonly routeObjects: readonly TranslatedRoute[];
  readonly listeners: readonly Listener[];
  readonly routes: readonly Route[];
  readonly problems: readonly Problem[];
}

function byAge(a: KubeObject, b: KubeObject): number {
  const text = (route: KubeObject): string => `${route.metadata.creationTimestamp ?? ''} ${objectKey(route)}`;
  return text(a) < text(b) ? -1 : 1;
}

function listenersOf(all: readonly CheckedListener[]): Listener[] {
  const byPort = new Map<number, CheckedListener[]>();
  for (const checked of all) {
    if (!checked.accepted.ok) continue;
    const others = byPort.get(checked.listener.port) ?? [];
    byPort.set(checked.listener.port, [...others, checked]);
  }
  return [...byPort].map(([port, members]) => ({
    port,
    tls: members[0]?.tls ?? false,
    certificates: members.flatMap(({ certificates }) => certificates),
  }));
}

function problemsOf(translated: readonly TranslatedGateway[], routes: readonly TranslatedRoute[]): Problem[] {
  const wrong = ({ accepted, resolvedRefs }: { accepted: Verdict; resolvedRefs: Verdict }): Verdict[] =>
    [accepted, resolvedRefs].filter(({ ok }) => !ok);
  return [
    ...translated.flatMap(({ gateway, listeners }) =>
      listeners.flatMap(({ checked }) =>
        wrong(checked).map(({ reason, message }) => ({
          type: gateways,
          object: gateway,
          reason,
          message: `listener ${checked.listener.name}: ${message}`,
        })),
      ),
    ),
    ...routes.flatMap(({ type, route, parents }) =>
      parents.flatMap((parent) =>
        wrong(parent).map(({ reason, message }) => ({ type, object: route, reason, message })),
      ),
    ),
  ];
}

/** `ports`: where listeners may be. A port that several Gateways want has the protocol of the oldest. */
export function gatewayRoutes(objects: GatewayObjects, upstreams: Upstreams, ports: AllowedPorts): GatewayRoutes {
  const classes = objects.gatewayClasses().filter(({ spec }) => spec?.controllerName === controllerName);
  const names = new Set(classes.map(({ metadata }) => metadata.name));
  const decided = new Map(ports);
  const checked = new Map<string, readonly CheckedListener[]>();
  const served = objects
    .gateways()
    .filter(({ spec }) => names.has(spec?.gatewayClassName))
    .toSorted(byAge);
  for (const gateway of served) {
    const listeners = (gateway.spec?.listeners ?? []).map((listener) => {
      const result = checkListener(objects, gateway, listener, decided);
      if (result.accepted.ok) decided.set(listener.port, result.tls);
      return result;
    });
    checked.set(objectKey(gateway), listeners);
  }
  const routes: Route[] = [];
  const translate = (
    type: ResourceType<RouteObject<unknown>>,
    route: Parameters<typeof asHttpRoute>[0],
    isGrpc: boolean,
  ): TranslatedRoute => {
    try {
      const shape = isGrpc ? asHttpRoute(route) : (route as ReturnType<typeof asHttpRoute>);
      const translation = new RouteTranslation({ objects, upstreams, type, route: shape, listeners: checked, isGrpc });
      const parents = translation.translate();
      routes.push(...translation.routes);
      return { type, route, parents };
    } catch (error) {
      return { type, route, parents: unreadable(route, checked, error) };
    }
  };
  const routeObjects = [
    ...objects
      .httpRoutes()
      .toSorted(byAge)
      .map((route) => translate(httpRoutes as ResourceType<RouteObject<unknown>>, route as never, false)),
    ...objects
      .grpcRoutes()
      .toSorted(byAge)
      .map((route) => translate(grpcRoutes as ResourceType<RouteObject<unknown>>, route, true)),
  ];
  const attached = (listener: CheckedListener): number =>
    routeObjects.filter(({ parents }) => parents.some(({ listeners }) => listeners.includes(listener))).length;
  const translated = served.map((gateway) => ({
    gateway,
    listeners: (checked.get(objectKey(gateway)) ?? []).map((listener) => ({
      checked: listener,
      attachedRoutes: attached(listener),
    })),
  }));
  return {
    classes,
    gateways: translated,
    routeObjects,
    listeners: listenersOf([...checked.values()].flat()),
    routes,
    problems: problemsOf(translated, routeObjects),
  };
}
