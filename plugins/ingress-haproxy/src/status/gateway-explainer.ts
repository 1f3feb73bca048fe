/** Why a Gateway or one of its routes is, or is not, served. */
import type { Cause, ExplainedKind, ExplainedObject, Why } from '@timonel/sdk/contracts/why';
import { objectKey, type KubeObject } from '@timonel/sdk/kube';
import type { GatewayRoutes } from '../gateway/gateway-routes.ts';
import { gateways, grpcRoutes, httpRoutes } from '../gateway/types.ts';
import type { Translated } from '../routing-source.ts';

const component = 'ingress-haproxy';

export const gatewayKinds: readonly ExplainedKind[] = [gateways, httpRoutes, grpcRoutes].map(({ group, resource }) => ({
  group,
  resource,
}));

interface Known {
  readonly object: KubeObject;
  readonly isServed: boolean;
}

function find(
  { gateways: served, routeObjects }: GatewayRoutes,
  { resource, namespace, name }: ExplainedObject,
): Known | undefined {
  const key = `${namespace ?? ''}/${name}`;
  if (resource === gateways.resource) {
    const found = served.find(({ gateway }) => objectKey(gateway) === key);
    return found === undefined ? undefined : { object: found.gateway, isServed: true };
  }
  const found = routeObjects.find(({ type, route }) => type.resource === resource && objectKey(route) === key);
  return found === undefined ? undefined : { object: found.route, isServed: found.parents.length > 0 };
}

/** Undefined: it is none that is served here. `fault`: why haproxy does not serve what it should. */
export function explainGateway(
  translated: Translated | undefined,
  object: ExplainedObject,
  fault: string | undefined,
): Why | undefined {
  const known = translated?.gateway === undefined ? undefined : find(translated.gateway, object);
  if (translated === undefined || known === undefined) return undefined;
  const { uid } = known.object.metadata;
  const unattached: Cause = {
    component,
    code: 'no-parent',
    text: 'none of its parents is a Gateway that is served here',
    unblock: 'name a Gateway in spec.parentRefs',
  };
  const causes: Cause[] = [
    ...(fault === undefined ? [] : [{ component, code: 'haproxy', text: fault }]),
    ...(known.isServed ? [] : [unattached]),
    ...translated.problems
      .filter((problem) => problem.object.metadata.uid === uid)
      .map(({ reason, message }) => ({ component, code: reason, text: message })),
  ];
  return {
    object: { ...object, ...(uid === undefined ? {} : { uid }) },
    state: causes.length === 0 ? 'Served' : known.isServed ? 'Degraded' : 'NotServed',
    summary: causes[0]?.text ?? 'all of it is served',
    causes,
    decisions: [],
  };
}
