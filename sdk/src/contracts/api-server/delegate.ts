/** Groups and versions that other servers answer for: the aggregation layer. */
import { defineService, type ServiceToken } from '../../kernel/index.ts';
import type { UserInfo } from '../auth/index.ts';
import type { HttpConnection } from './connections.ts';
import type { RoutedGroup } from './routed-groups.ts';

export interface DelegatedVersion extends RoutedGroup {
  /** Changes with its OpenAPI 3 document; undefined without one. */
  readonly openApiHash: string | undefined;
}

export interface DelegatedRequest {
  readonly group: string;
  readonly version: string;
  /** Authenticated, and allowed to do what is asked for. */
  readonly user: UserInfo;
}

/** `unread`: it is not known yet who answers for what. */
export type Standing = 'claimed' | 'unclaimed' | 'unread';

/** Hands requests over that the API server does not answer itself. */
export interface ApiDelegate {
  standing(group: string, version: string): Standing;
  /** Those whose servers are there, in the order in which clients prefer them; the same list as long as nothing changes. */
  available(): readonly DelegatedVersion[];
  /** The server that answers for a claimed version, as the user is made known to it. @throws ApiError ServiceUnavailable, TooManyRequests */
  connect(request: DelegatedRequest): Promise<HttpConnection>;
}

/** Token of {@link ApiDelegate}. */
export const apiDelegate: ServiceToken<ApiDelegate, 'one'> = defineService<ApiDelegate>('api.delegate', {
  major: 1,
  cardinality: 'one',
  sync: ['standing', 'available'],
});

/** What the API server answers for itself: nobody takes that over. */
export interface ServedVersions {
  serves(group: string, version: string): boolean;
  /** All groups and versions of kinds that are served here: the same list as long as nothing changes. Undefined: not all are known as yet. */
  all(): readonly ServedVersion[] | undefined;
}

export interface ServedVersion {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** By objects of the cluster (CustomResourceDefinitions), and not by plugins. */
  readonly isDefinedByObjects: boolean;
}

/** Token of {@link ServedVersions}. */
export const servedVersions: ServiceToken<ServedVersions, 'one'> = defineService<ServedVersions>(
  'api.served-versions',
  { major: 1, cardinality: 'one', sync: ['serves', 'all'] },
);
