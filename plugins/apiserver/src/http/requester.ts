/** Who a request is from, and for whom it is: authentication, then impersonation. */
import type { Clock, Many } from '@timonel/sdk';
import type { Authenticator, UserInfo } from '@timonel/sdk/contracts/auth';
import type { Access } from '../registry/access.ts';
import { authenticate } from './authentication.ts';
import { impersonated } from './impersonation.ts';
import type { Received } from './read-body.ts';

export interface RequesterParts {
  readonly authenticators: Many<Authenticator>;
  readonly access: Access;
  readonly clock: Clock;
}

/** @throws ApiError Unauthorized, Forbidden, BadRequest */
export async function requesterOf({ req, audit }: Received, parts: RequesterParts): Promise<UserInfo> {
  const user = await authenticate(req, parts.authenticators, parts.clock);
  audit?.sentBy(user);
  return impersonated(req, user, parts.access);
}
