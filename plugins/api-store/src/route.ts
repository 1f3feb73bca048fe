import {
  checkAdministrator,
  type Route,
  type RouteRequest,
  type SubresourceResponse,
} from '@timonel/sdk/contracts/api-server';
import { storeFailure } from './store-failure.ts';

export const group = 'store.timonel.dev';
export const apiVersion: string = `${group}/v1`;
const root = `/apis/${apiVersion}`;

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
      checkAdministrator(request, group, 'the store');
      try {
        return await handle(request);
      } catch (error) {
        throw storeFailure(error);
      }
    },
  };
}
