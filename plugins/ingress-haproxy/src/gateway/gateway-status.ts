/** The status of objects of the Gateway API. */
import { setCondition } from '@timonel/sdk/controller';
import type { Condition, KubeObject, ResourceType } from '@timonel/sdk/kube';
import { controllerName } from '../ingress/classes.ts';
import type { GatewayRoutes, TranslatedGateway, TranslatedRoute } from './gateway-routes.ts';
import type { Verdict } from './listeners.ts';
import {
  gatewayClasses,
  gatewayGroup,
  gateways,
  type Gateway,
  type GatewayClass,
  type ParentReference,
  type RouteObject,
} from './types.ts';

/** What is to be written of one object. */
export interface StatusToWrite {
  readonly type: ResourceType;
  readonly object: KubeObject & { readonly status?: unknown };
  readonly status: object;
}

type Entry = readonly [type: string, verdict: Verdict];

const good = (reason: string): Verdict => ({ ok: true, reason, message: '' });

function conditions(
  before: readonly Condition[] | undefined,
  entries: readonly Entry[],
  generation: number | undefined,
  now: string,
): Condition[] {
  return entries.reduce<Condition[]>(
    (all, [type, { ok, reason, message }]) => {
      const observed = generation === undefined ? {} : { observedGeneration: generation };
      const set = setCondition(all, { type, status: ok ? 'True' : 'False', reason, message }, now);
      return set.map((condition) => (condition.type === type ? { ...condition, ...observed } : condition));
    },
    [...(before ?? [])],
  );
}

function classStatus(object: GatewayClass, now: string): StatusToWrite {
  const { status, metadata } = object;
  return {
    type: gatewayClasses,
    object,
    status: {
      ...status,
      conditions: conditions(status?.conditions, [['Accepted', good('Accepted')]], metadata.generation, now),
    },
  };
}

function gatewayStatus(
  { gateway, listeners }: TranslatedGateway,
  addresses: readonly string[],
  fault: string | undefined,
  now: string,
): StatusToWrite {
  const { status, metadata } = gateway;
  const { generation } = metadata;
  const isAccepted = listeners.some(({ checked }) => checked.accepted.ok);
  const accepted: Verdict = isAccepted
    ? good('Accepted')
    : { ok: false, reason: 'ListenersNotValid', message: 'no listener can be served' };
  const programmed = (ok: boolean): Verdict => {
    if (fault !== undefined) return { ok: false, reason: 'Pending', message: fault };
    return ok
      ? good('Programmed')
      : { ok: false, reason: 'Invalid', message: 'it is not accepted, or what it names is not there' };
  };
  const next: NonNullable<Gateway['status']> = {
    addresses: addresses.map((value) => ({ type: /^[0-9.]+$|:/.test(value) ? 'IPAddress' : 'Hostname', value })),
    conditions: conditions(
      status?.conditions,
      [
        ['Accepted', accepted],
        ['Programmed', programmed(isAccepted)],
      ],
      generation,
      now,
    ),
    listeners: listeners.map(({ checked, attachedRoutes }) => ({
      name: checked.listener.name,
      attachedRoutes,
      supportedKinds: checked.kinds.map((kind) => ({ group: gatewayGroup, kind })),
      conditions: conditions(
        status?.listeners?.find(({ name }) => name === checked.listener.name)?.conditions,
        [
          ['Accepted', checked.accepted],
          ['ResolvedRefs', checked.resolvedRefs],
          ['Programmed', programmed(checked.accepted.ok && checked.resolvedRefs.ok)],
        ],
        generation,
        now,
      ),
    })),
  };
  return { type: gateways, object: gateway, status: next };
}

const keyOf = ({ group, kind, namespace, name, sectionName, port }: ParentReference): string =>
  JSON.stringify([group, kind, namespace, name, sectionName, port]);

/** Of parents that others serve nothing is changed. */
function routeStatus({ type, route, parents }: TranslatedRoute, now: string): StatusToWrite[] {
  const before = route.status?.parents ?? [];
  const others = before.filter((parent) => parent.controllerName !== controllerName);
  if (parents.length === 0 && others.length === before.length) return [];
  const own = parents.map(({ parentRef, accepted, resolvedRefs }) => {
    const known = before.find(
      (parent) => parent.controllerName === controllerName && keyOf(parent.parentRef) === keyOf(parentRef),
    );
    const entries: Entry[] = [
      ['Accepted', accepted],
      ['ResolvedRefs', resolvedRefs],
    ];
    return {
      parentRef,
      controllerName,
      conditions: conditions(known?.conditions, entries, route.metadata.generation, now),
    };
  });
  const status: RouteObject<unknown>['status'] = { parents: [...others, ...own] };
  return [{ type, object: route, status }];
}

/** All of them. `fault`: why haproxy does not serve what it should. */
export function gatewayStatuses(
  { classes, gateways: all, routeObjects }: GatewayRoutes,
  {
    addresses,
    fault,
    now,
  }: { readonly addresses: readonly string[]; readonly fault: string | undefined; readonly now: string },
): readonly StatusToWrite[] {
  return [
    ...classes.map((object) => classStatus(object, now)),
    ...all.map((gateway) => gatewayStatus(gateway, addresses, fault, now)),
    ...routeObjects.flatMap((route) => routeStatus(route, now)),
  ];
}
