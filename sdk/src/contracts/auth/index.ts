/** Who a request comes from. Authenticators are asked in order; the first that knows the credentials answers. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { KubeObject, ResourceType } from '../../kube/index.ts';
import type { ObjectName } from '../api/index.ts';

export interface UserInfo {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** A client certificate that the cluster's authority signed and whose key the client has shown to hold. */
export interface ClientCertificate {
  /** CN of the subject. */
  readonly commonName: string;
  /** Every O of the subject. */
  readonly organizations: readonly string[];
  /** Hex SHA-256 of the subject public key info. */
  readonly publicKeyFingerprint: string;
}

export interface Credentials {
  /** The bearer token, without the scheme. */
  readonly bearerToken: string | undefined;
  /** Subject of a verified client certificate. */
  readonly certificate: Pick<ClientCertificate, 'commonName' | 'organizations'> | undefined;
  /** For whom a token must be meant that says for whom it is; absent: for the API server. */
  readonly audiences?: readonly string[];
}

/** What an authenticator may look up: the objects that its credentials are bound to. */
export interface AuthenticationObjects {
  /** Undefined: there is none, or nobody serves the type. */
  find<T extends KubeObject>(type: ResourceType<T>, name: ObjectName): Promise<T | undefined>;
}

/** Somebody, and those of the audiences that were asked for which the credentials are meant for; absent: for the API server alone. */
export interface Identity {
  readonly user: UserInfo;
  readonly audiences?: readonly string[];
}

/** `unknown`: not mine, ask the next. `rejected`: mine, and wrong: answer 401 at once. */
export type Authentication =
  | ({ readonly outcome: 'authenticated' } & Identity)
  | { readonly outcome: 'rejected'; readonly reason: string }
  | { readonly outcome: 'unknown' };

export interface Authenticator {
  /** `objects`: absent where no API server asks. */
  authenticate(credentials: Credentials, objects?: AuthenticationObjects): Promise<Authentication>;
}

/** Token of the authenticators. */
export const authenticator: ServiceToken<Authenticator, 'many'> = defineService<Authenticator, 'many'>(
  'auth.authenticator',
  { major: 1, cardinality: 'many' },
);

/** What a service account's token is for. Source: authentication.k8s.io/v1 TokenRequest, RFC 7519. */
export interface ServiceAccountClaims {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Empty: the API server. */
  readonly audiences: readonly string[];
  readonly lifetimeSeconds: number;
  /** The token ends with this object. */
  readonly boundTo?: { readonly kind: 'Pod' | 'Secret' | 'Node'; readonly name: string; readonly uid: string };
  /** The node of the pod the token is bound to. */
  readonly node?: { readonly name: string; readonly uid?: string };
}

/** Makes the tokens by which service accounts authenticate. */
export interface ServiceAccountTokens {
  /** The token and when it ends, in ms since the epoch. */
  issue(claims: ServiceAccountClaims): Promise<{ readonly token: string; readonly expiresAt: number }>;
  /** For whom a token is meant that names nobody. */
  defaultAudiences(): readonly string[];
}

/** Token of the maker of service account tokens. */
export const serviceAccountTokens: ServiceToken<ServiceAccountTokens, 'one'> = defineService<ServiceAccountTokens>(
  'auth.service-account-tokens',
  { major: 1, cardinality: 'one', sync: ['defaultAudiences'] },
);

/** What a certificate is to say. */
export interface IssuedSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  readonly usages: readonly ('server' | 'client')[];
  readonly lifetimeMs: number;
}

/** The authority whose certificates the API server believes. */
export interface ClusterAuthority {
  /**
   * Signs for the key of a request (PEM), which proves to have it. The answer is PEM. Whether somebody may have such a certificate
   * is for the caller to know.
   */
  sign(requestPem: string, subject: IssuedSubject): Promise<string>;
}

/** Token of the cluster's authority. */
export const clusterAuthority: ServiceToken<ClusterAuthority, 'one'> = defineService<ClusterAuthority>(
  'auth.cluster-authority',
  { major: 1, cardinality: 'one' },
);
