/** Who a request comes from. Authenticators are asked in order; the first that knows the credentials answers. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';

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
}

/** `unknown`: not mine, ask the next. `rejected`: mine, and wrong: answer 401 at once. */
export type Authentication =
  | { readonly outcome: 'authenticated'; readonly user: UserInfo }
  | { readonly outcome: 'rejected'; readonly reason: string }
  | { readonly outcome: 'unknown' };

export interface Authenticator {
  authenticate(credentials: Credentials): Promise<Authentication>;
}

/** Token of the authenticators. */
export const authenticator: ServiceToken<Authenticator, 'many'> = defineService<Authenticator, 'many'>(
  'auth.authenticator',
  { major: 1, cardinality: 'many' },
);
