/** Finds out who sends a request. */
import type { IncomingMessage } from 'node:http';
import type { Many } from '@timonel/sdk';
import type { Authenticator, UserInfo } from '@timonel/sdk/contracts/auth';
import { ApiError } from '@timonel/sdk/kube';

const bearer = /^Bearer +(\S{1,16384})$/i;

/** One answer for every failure: a caller without access learns nothing. */
function unauthorized(): ApiError {
  return new ApiError('Unauthorized', 'Unauthorized');
}

/** @throws ApiError Unauthorized */
export async function authenticate(request: IncomingMessage, authenticators: Many<Authenticator>): Promise<UserInfo> {
  const bearerToken = bearer.exec(request.headers.authorization ?? '')?.[1];
  if (bearerToken === undefined) throw unauthorized();
  for (const { service } of authenticators.all()) {
    const answer = await service.authenticate({ bearerToken, certificate: undefined });
    if (answer.outcome === 'authenticated') return answer.user;
    if (answer.outcome === 'rejected') break;
  }
  throw unauthorized();
}
