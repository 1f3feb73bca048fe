import { ApiError } from '../../kube/index.ts';
import type { RouteRequest } from './index.ts';

const administrators = 'system:masters';

/** For routes that only administrators may use, `what` they are about: "the store". @throws ApiError Forbidden */
export function checkAdministrator({ user: { groups, username } }: RouteRequest, group: string, what: string): void {
  if (groups.includes(administrators)) return;
  throw new ApiError(
    'Forbidden',
    `${group} is forbidden: User "${username}" is not in the group ${administrators}, and nobody else may use ${what}`,
    { group },
  );
}
