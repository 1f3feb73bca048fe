/** What haproxy itself does not take, told of the objects that it was made from. */
import type { KubeObject, ResourceType } from '@timonel/sdk/kube';
import { ingresses } from '@timonel/sdk/kube';
import type { Problem } from '../cluster/problem.ts';
import type { GatewayRoutes, TranslatedGateway, TranslatedRoute } from '../gateway/gateway-routes.ts';
import { gateways } from '../gateway/types.ts';
import { ownerKey } from '../routing/model.ts';
import type { Translated } from '../routing-source.ts';

type Refused = ReadonlyMap<string, string>;

function routeWith(translated: TranslatedRoute, refused: Refused): TranslatedRoute {
  const message = refused.get(ownerKey(translated.type, translated.route));
  if (message === undefined) return translated;
  const accepted = { ok: false, reason: 'UnsupportedValue', message: `haproxy refuses it: ${message}` };
  return { ...translated, parents: translated.parents.map((parent) => ({ ...parent, accepted, listeners: [] })) };
}

/** Of a Gateway it is the certificates. */
function gatewayWith(translated: TranslatedGateway, refused: Refused): TranslatedGateway {
  const message = refused.get(ownerKey(gateways, translated.gateway));
  if (message === undefined) return translated;
  const resolvedRefs = { ok: false, reason: 'InvalidCertificateRef', message: `haproxy refuses it: ${message}` };
  return {
    ...translated,
    listeners: translated.listeners.map(({ checked, attachedRoutes }) => ({
      checked: checked.certificates.length === 0 ? checked : { ...checked, resolvedRefs },
      attachedRoutes,
    })),
  };
}

function gatewayRoutesWith(gateway: GatewayRoutes, refused: Refused): GatewayRoutes {
  return {
    ...gateway,
    gateways: gateway.gateways.map((one) => gatewayWith(one, refused)),
    routeObjects: gateway.routeObjects.map((one) => routeWith(one, refused)),
  };
}

/** `refused`: why, by {@link ownerKey}. */
export function withRefusals(translated: Translated | undefined, refused: Refused): Translated | undefined {
  if (translated === undefined || refused.size === 0) return translated;
  const { gateway } = translated;
  const objects: readonly (readonly [ResourceType, KubeObject])[] = [
    ...translated.ingresses.map((ingress) => [ingresses as ResourceType, ingress] as const),
    ...(gateway?.gateways ?? []).map((one) => [gateways as ResourceType, one.gateway] as const),
    ...(gateway?.routeObjects ?? []).map(({ type, route }) => [type as ResourceType, route] as const),
  ];
  const problems = objects.flatMap(([type, object]): Problem[] => {
    const message = refused.get(ownerKey(type, object));
    if (message === undefined) return [];
    return [{ type, object, reason: 'Refused', message: `it is not served, since haproxy refuses it: ${message}` }];
  });
  return {
    ...translated,
    gateway: gateway === undefined ? undefined : gatewayRoutesWith(gateway, refused),
    problems: [...translated.problems, ...problems],
  };
}
