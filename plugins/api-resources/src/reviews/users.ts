import type { UserInfo } from '@timonel/sdk/contracts/auth';
import { fieldOf, isObject, itemsOf, textOf } from '../validation/loose.ts';

/** authentication/v1 UserInfo. */
export function userJson(user: UserInfo): Record<string, unknown> {
  return {
    username: user.username,
    ...(user.uid === '' ? {} : { uid: user.uid }),
    groups: [...user.groups],
    ...(Object.keys(user.extra).length === 0 ? {} : { extra: { ...user.extra } }),
  };
}

/** The user that a review names. */
export function userIn(spec: unknown): UserInfo {
  const extra = fieldOf(spec, 'extra');
  const lists = isObject(extra) ? Object.entries(extra) : [];
  const texts = (list: unknown): string[] => itemsOf(list as unknown[]).filter((item) => typeof item === 'string');
  return {
    username: textOf(fieldOf(spec, 'user')),
    uid: textOf(fieldOf(spec, 'uid')),
    groups: texts(fieldOf(spec, 'groups')),
    extra: Object.fromEntries(lists.map(([key, list]) => [key, texts(list)])),
  };
}
