import type { Env, Logger } from '@timonel/sdk';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { StoreAdmin } from '@timonel/sdk/contracts/store';
import type { CurrentAuthority } from './upkeep/current-authority.ts';
import type { ClusterJoinConfig } from './config.ts';

/** What every request of a joiner needs. */
export interface JoinParts {
  readonly api: ApiClient;
  readonly env: Env;
  readonly log: Logger;
  readonly config: ClusterJoinConfig;
  readonly authority: CurrentAuthority;
  /** Undefined while the store has no members to add to. */
  readonly storeAdmin: () => StoreAdmin | undefined;
  /** URLs of the API servers that are there. */
  readonly servers: () => readonly string[];
}
