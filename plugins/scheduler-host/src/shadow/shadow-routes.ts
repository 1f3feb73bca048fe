/** `/apis/scheduling.timonel.dev/v1`: schedulers in shadow, in charge, and on probation. */
import { errorCode, errorMessage } from '@timonel/sdk';
import { parseRouteBody, type Route, type RouteRequest } from '@timonel/sdk/contracts/api-server';
import type { ExternalScheduler } from '@timonel/sdk/contracts/scheduler';
import { schedulingRoot } from '@timonel/sdk/contracts/scheduler-shadow';
import { ApiError, apiErrorReason, type StatusReason } from '@timonel/sdk/kube';
import { z } from 'zod';
import type { ShadowService } from './shadow-service.ts';

const apiVersion = 'scheduling.timonel.dev/v1';

const shadowBody = z.strictObject({
  /** A plugin's name, or the path of its file on the server. */
  scheduler: z.string().min(1),
  timeShare: z.number().min(0.001).max(1).optional(),
});

const conflicts: ReadonlySet<string> = new Set([
  'ERR_SERVICE_CONFLICT',
  'ERR_SERVICE_SWAP',
  'ERR_PLUGIN_DUPLICATE',
  'ERR_PLUGIN_STATE',
  'ERR_PLUGIN_IN_USE',
  'ERR_PLUGIN_QUARANTINED',
]);

function reasonOf(code: string): StatusReason {
  if (code === 'ERR_PLUGIN_UNKNOWN') return 'NotFound';
  if (code === 'ERR_PLUGIN_TIMEOUT') return 'Timeout';
  return conflicts.has(code) ? 'Conflict' : 'Invalid';
}

/** What the kernel refuses is the caller's business; the code is the reason of the cause. */
function statusOf(error: unknown): unknown {
  const code = errorCode(error);
  if (apiErrorReason(error) !== undefined || code === undefined || !/^ERR_(PLUGIN|SERVICE|GRAPH|CONFIG)/.test(code))
    return error;
  const message = errorMessage(error);
  return new ApiError(reasonOf(code), message, { causes: [{ reason: code, message }] }, { cause: error });
}

function route(method: Route['method'], path: string, kind: string, handle: (request: RouteRequest) => unknown): Route {
  return {
    method,
    path: `${schedulingRoot}${path}`,
    async handle(request) {
      try {
        const object = { kind, apiVersion, metadata: {}, ...((await handle(request)) as object) };
        return { kind: 'object', status: 200, object };
      } catch (error) {
        throw statusOf(error);
      }
    },
  };
}

export function shadowRoutes(shadow: ShadowService, externals: () => readonly ExternalScheduler[] = () => []): Route[] {
  return [
    route('GET', '/status', 'SchedulingStatus', () => ({ ...shadow.status(), external: externals() })),
    route('POST', '/shadow', 'ShadowReport', ({ body }) => {
      const { scheduler, timeShare } = parseRouteBody(shadowBody, body);
      return shadow.begin(scheduler, timeShare === undefined ? {} : { timeShare });
    }),
    route('GET', '/shadow', 'ShadowReport', () => shadow.report()),
    route('DELETE', '/shadow', 'ShadowReport', () => shadow.end('it was ended by request')),
    route('POST', '/shadow/promote', 'SwapReport', () => shadow.promote()),
    route('POST', '/revert', 'SwapReport', () => shadow.revert()),
  ];
}
