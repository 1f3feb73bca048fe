/** What is served, whichever kinds of objects said so: the input of {@link compile} and of the configuration. */
import { objectKey, type KubeObject, type ResourceType } from '@timonel/sdk/kube';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** How pods are spoken to. */
export type UpstreamProtocol = 'http' | 'h2c' | 'https';

/** A port of a Service. */
export interface Upstream {
  /** `namespace/name:port`, with `/h2c` where that was asked for. */
  readonly id: string;
  readonly protocol: UpstreamProtocol;
  /** In the order of their addresses. */
  readonly endpoints: readonly Endpoint[];
}

export interface HeaderChange {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** `prefix`: `from`, which the route matched, is replaced. `full`: the whole path. */
export type PathRewrite =
  | { readonly kind: 'prefix'; readonly from: string; readonly to: string }
  | { readonly kind: 'full'; readonly to: string };

/** What happens to requests on their way. */
export interface Behaviour {
  readonly requestHeaders?: HeaderChange;
  readonly responseHeaders?: HeaderChange;
  readonly hostname?: string;
  readonly path?: PathRewrite;
  /** Until the answer begins, and between its parts. */
  readonly timeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** Name of the cookie that keeps a client at its pod. */
  readonly cookie?: string;
  /** Tries of idempotent requests beyond the first. */
  readonly retries?: number;
}

export interface Choice {
  /** Undefined: there is none, and the share is answered with 500. */
  readonly upstream: string | undefined;
  /** 1 or more. */
  readonly weight: number;
  readonly behaviour: Behaviour;
}

export interface Redirect {
  readonly status: number;
  readonly scheme?: 'http' | 'https';
  readonly hostname?: string;
  /** Absent: none is named. */
  readonly port?: number;
  readonly path?: PathRewrite;
}

export type Target =
  | { readonly kind: 'choices'; readonly choices: readonly Choice[] }
  | { readonly kind: 'redirect'; readonly redirect: Redirect }
  /** Nothing can serve it. */
  | { readonly kind: 'status'; readonly status: 404 | 500 | 503 };

/** `one-label`: `*.example.com` as in Ingresses. `many-labels`: the same as in Gateways. `any`: every host; `name` is empty. */
export interface HostPattern {
  readonly kind: 'exact' | 'one-label' | 'many-labels' | 'any';
  /** Without the asterisk: `example.com`. */
  readonly name: string;
}

/** A value that a request must have. Methods have no name. */
export interface Condition {
  readonly on: 'method' | 'header' | 'query';
  readonly name: string;
  readonly value: string;
}

export interface Route {
  /** Where it is served. */
  readonly ports: readonly number[];
  readonly host: HostPattern;
  readonly path: { readonly kind: 'exact' | 'prefix'; readonly value: string };
  /** All must hold. */
  readonly conditions: readonly Condition[];
  readonly target: Target;
  /** Decides between routes that are alike otherwise: the least wins. */
  readonly order: string;
  /** The object that says so, by {@link ownerKey}: what cannot be served is left out with all that is of the same object. */
  readonly owner?: string;
}

export interface Certificate {
  /** Leaf, chain and key, PEM. */
  readonly pem: string;
  /** Server names for which it is shown: `a.example.com`, `*.example.com`. Empty: those in the certificate. */
  readonly hosts: readonly string[];
  /** The object that names it, by {@link ownerKey}. */
  readonly owner?: string;
}

export interface Listener {
  readonly port: number;
  readonly tls: boolean;
  readonly certificates: readonly Certificate[];
}

/** All that one haproxy serves. */
export interface RoutingTable {
  readonly listeners: readonly Listener[];
  readonly routes: readonly Route[];
  readonly upstreams: ReadonlyMap<string, Upstream>;
  /** Shown to clients whose server name no other has. */
  readonly defaultCertificate?: string;
}

export function ownerKey({ resource }: ResourceType, object: KubeObject): string {
  return `${resource} ${objectKey(object)}`;
}
