/** Who a token is of, by its claims. Pure. */
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { JWTPayload } from 'jose';
import type { Provider } from './config.ts';

/** Names that the cluster itself gives: no provider may. */
const reserved = 'system:';
const groupLimit = 1000;

type Named = { readonly user: UserInfo } | { readonly problem: string };

function groupsIn(claim: unknown): string[] {
  const list = typeof claim === 'string' ? [claim] : Array.isArray(claim) ? claim.slice(0, groupLimit) : [];
  return list.filter((group): group is string => typeof group === 'string' && group !== '');
}

export function userOf(payload: JWTPayload, provider: Provider): Named {
  const { usernameClaim, issuer, groupsClaim, groupsPrefix, requiredClaims } = provider;
  for (const [name, value] of Object.entries(requiredClaims))
    if (payload[name] !== value) return { problem: `the claim ${name} is not the one required` };
  const name = payload[usernameClaim];
  if (typeof name !== 'string' || name === '') return { problem: `the claim ${usernameClaim} names nobody` };
  const isEmail = usernameClaim === 'email';
  if (isEmail && payload['email_verified'] !== undefined && payload['email_verified'] !== true)
    return { problem: 'the email is not verified' };
  const username = `${provider.usernamePrefix ?? (isEmail ? '' : `${issuer}#`)}${name}`;
  if (username.startsWith(reserved)) return { problem: `names that begin with ${reserved} are the cluster's own` };
  const groups = groupsIn(groupsClaim === undefined ? undefined : payload[groupsClaim])
    .map((group) => `${groupsPrefix}${group}`)
    .filter((group) => !group.startsWith(reserved));
  const all = Object.freeze([...new Set([...groups, 'system:authenticated'])]);
  return { user: Object.freeze({ username, uid: '', groups: all, extra: Object.freeze({}) }) };
}
