/** Headers by which somebody acts as somebody else. Each thing that is taken on needs the right to impersonate it. */
import type { IncomingMessage } from 'node:http';
import type { AccessAttributes } from '@timonel/sdk/contracts/api-server';
import type { UserInfo } from '@timonel/sdk/contracts/auth';
import type { Access } from '../registry/access.ts';
import { badRequest } from '../registry/api-errors.ts';

const prefix = 'impersonate-';
const extraPrefix = 'impersonate-extra-';
const everyone = 'system:authenticated';
const strangers = 'system:unauthenticated';
const authenticationGroup = 'authentication.k8s.io';
/** Each costs a decision. */
const valueLimit = 100;

interface Wish {
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Values of the headers in question by lower-case name, none joined: names of groups may hold commas. */
function headersOf({ rawHeaders }: IncomingMessage): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!name.startsWith(prefix)) continue;
    const values = found.get(name) ?? [];
    values.push(rawHeaders[index + 1] ?? '');
    found.set(name, values);
  }
  return found;
}

function keyOf(header: string): string {
  const encoded = header.slice(extraPrefix.length);
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** @throws ApiError BadRequest */
function wishIn(headers: ReadonlyMap<string, readonly string[]>): Wish {
  const count = [...headers.values()].reduce((sum, values) => sum + values.length, 0);
  if (count > valueLimit) throw badRequest(`at most ${valueLimit} Impersonate headers are taken`);
  const one = (name: string): string => {
    const values = headers.get(name) ?? [];
    if (values.length > 1) throw badRequest(`the header ${name} is given more than once`);
    return values[0] ?? '';
  };
  const username = one('impersonate-user');
  if (username === '')
    throw badRequest('requested to impersonate groups, a uid or extra fields without impersonating a user');
  const extra: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, values] of headers) if (name.startsWith(extraPrefix)) extra[keyOf(name)] = values;
  return { username, uid: one('impersonate-uid'), groups: headers.get('impersonate-group') ?? [], extra };
}

/** What is taken on, as the requests whose right is asked for. */
function* rightsFor(user: UserInfo, wish: Wish): Generator<AccessAttributes> {
  const asked = { user, verb: 'impersonate', version: 'v1', group: '', subresource: '', namespace: '', name: '' };
  const account = accountOf(wish.username);
  if (account === undefined) yield { ...asked, resource: 'users', name: wish.username };
  else yield { ...asked, resource: 'serviceaccounts', ...account };
  for (const name of wish.groups) yield { ...asked, resource: 'groups', name };
  const identity = { ...asked, group: authenticationGroup };
  if (wish.uid !== '') yield { ...identity, resource: 'uids', name: wish.uid };
  for (const [subresource, values] of Object.entries(wish.extra))
    for (const name of values) yield { ...identity, resource: 'userextras', subresource, name };
}

function accountOf(username: string): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}

function groupsOf({ username, groups }: Wish): readonly string[] {
  const account = accountOf(username);
  const own =
    account === undefined || groups.length > 0
      ? groups
      : ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`];
  const everybody = username === 'system:anonymous' ? strangers : everyone;
  const isSaid = own.includes(everyone) || own.includes(strangers);
  return isSaid ? own : [...own, everybody];
}

/** The user that the request is for: the one who sends it, unless it names another. @throws ApiError Forbidden, BadRequest */
export async function impersonated(request: IncomingMessage, user: UserInfo, access: Access): Promise<UserInfo> {
  const headers = headersOf(request);
  if (headers.size === 0) return user;
  const wish = wishIn(headers);
  for (const right of rightsFor(user, wish)) await access.enforce(right);
  const { username, uid, extra } = wish;
  return Object.freeze({ username, uid, groups: Object.freeze([...groupsOf(wish)]), extra: Object.freeze(extra) });
}
