import type { Namespace, Secret } from '@timonel/sdk/kube';
import type { Gateway, GatewayClass, GrpcRoute, HttpRoute, ReferenceGrant } from './types.ts';

/** What the Gateway API says, as the caches show it. */
export interface GatewayObjects {
  gatewayClasses(): readonly GatewayClass[];
  gateways(): readonly Gateway[];
  httpRoutes(): readonly HttpRoute[];
  grpcRoutes(): readonly GrpcRoute[];
  referenceGrants(): readonly ReferenceGrant[];
  namespace(name: string): Namespace | undefined;
  secret(key: string): Secret | undefined;
}
