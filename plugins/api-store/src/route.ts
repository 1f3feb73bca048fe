import type { Route, RouteRequest, SubresourceResponse } from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import { storeFailure } from './store-failure.ts';

export const group = 'store.timonel.dev';
export const apiVersion: string = `${group}/v1`;
const root = `/apis/${apiVersion}`;
const administrators = 'system:masters';

export function answer(object: unknown, status = 200): SubresourceResponse {
  return { kind: 'object', status, object };
}

/** A route for administrators only, since the store holds every secret. Failures become Status. */
export function route(
  method: Route['method'],
  path: string,
  handle: (request: RouteRequest) => Promise<SubresourceResponse>,
): Route {
  return {
    method,
    path: `${root}${path}`,
    async handle(request) {
      const { groups, username } = request.user;
      if (!groups.includes(administrators)) {
        throw new ApiError(
          'Forbidden',
          `${group} is forbidden: User "${username}" is not in the group ${administrators}, and nobody else may use the store`,
          { group },
        );
      }
      try {
        return await handle(request);
      } catch (error) {
        throw storeFailure(error);
      }
    },
  };
}
