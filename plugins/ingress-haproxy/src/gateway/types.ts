/** gateway.networking.k8s.io: the parts of its objects that are read and written. */
import {
  defineResource,
  type Condition,
  type KubeObject,
  type LabelSelector,
  type ResourceType,
} from '@timonel/sdk/kube';

export const gatewayGroup = 'gateway.networking.k8s.io';

export interface GatewayClass extends KubeObject {
  spec?: { controllerName?: string };
  status?: { conditions?: Condition[] };
}

export interface SecretReference {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
}

export interface GatewayListener {
  name: string;
  hostname?: string;
  port: number;
  /** `HTTP`, `HTTPS`. */
  protocol: string;
  tls?: { mode?: string; certificateRefs?: SecretReference[] };
  allowedRoutes?: {
    /** `from`: `Same` (default), `All`, `Selector`. */
    namespaces?: { from?: string; selector?: LabelSelector };
    kinds?: { group?: string; kind: string }[];
  };
}

export interface ListenerStatus {
  name: string;
  attachedRoutes: number;
  supportedKinds: { group: string; kind: string }[];
  conditions: Condition[];
}

export interface Gateway extends KubeObject {
  spec?: { gatewayClassName?: string; listeners?: GatewayListener[] };
  status?: { addresses?: { type: string; value: string }[]; conditions?: Condition[]; listeners?: ListenerStatus[] };
}

export interface ParentReference {
  group?: string;
  kind?: string;
  namespace?: string;
  name: string;
  sectionName?: string;
  port?: number;
}

export interface HeaderList {
  set?: { name: string; value: string }[];
  add?: { name: string; value: string }[];
  remove?: string[];
}

export interface PathModifier {
  /** `ReplaceFullPath`, `ReplacePrefixMatch`. */
  type: string;
  replaceFullPath?: string;
  replacePrefixMatch?: string;
}

export interface RouteFilter {
  type: string;
  requestHeaderModifier?: HeaderList;
  responseHeaderModifier?: HeaderList;
  requestRedirect?: { scheme?: string; hostname?: string; path?: PathModifier; port?: number; statusCode?: number };
  urlRewrite?: { hostname?: string; path?: PathModifier };
}

export interface BackendReference {
  group?: string;
  kind?: string;
  name: string;
  namespace?: string;
  port?: number;
  /** Default 1. */
  weight?: number;
  filters?: RouteFilter[];
}

export interface NamedMatch {
  /** `Exact` (default). */
  type?: string;
  name: string;
  value: string;
}

export interface HttpMatch {
  path?: { type?: string; value?: string };
  headers?: NamedMatch[];
  queryParams?: NamedMatch[];
  method?: string;
}

export interface HttpRule {
  matches?: HttpMatch[];
  filters?: RouteFilter[];
  backendRefs?: BackendReference[];
  timeouts?: { request?: string; backendRequest?: string };
}

export interface RouteParentStatus {
  parentRef: ParentReference;
  controllerName: string;
  conditions: Condition[];
}

export interface RouteObject<R> extends KubeObject {
  spec?: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: R[] };
  status?: { parents?: RouteParentStatus[] };
}

export type HttpRoute = RouteObject<HttpRule>;

export interface GrpcRule {
  matches?: { method?: { type?: string; service?: string; method?: string }; headers?: NamedMatch[] }[];
  filters?: RouteFilter[];
  backendRefs?: BackendReference[];
}

export type GrpcRoute = RouteObject<GrpcRule>;

export interface ReferenceGrant extends KubeObject {
  spec?: {
    from?: { group: string; kind: string; namespace: string }[];
    to?: { group: string; kind: string; name?: string }[];
  };
}

function define<T extends KubeObject>(
  kind: string,
  resource: string,
  namespaced = true,
  version = 'v1',
): ResourceType<T> {
  return defineResource<T>({ group: gatewayGroup, version, resource, kind, namespaced });
}

export const gatewayClasses: ResourceType<GatewayClass> = define('GatewayClass', 'gatewayclasses', false);
export const gateways: ResourceType<Gateway> = define('Gateway', 'gateways');
export const httpRoutes: ResourceType<HttpRoute> = define('HTTPRoute', 'httproutes');
export const grpcRoutes: ResourceType<GrpcRoute> = define('GRPCRoute', 'grpcroutes');
export const referenceGrants: ResourceType<ReferenceGrant> = define(
  'ReferenceGrant',
  'referencegrants',
  true,
  'v1beta1',
);
