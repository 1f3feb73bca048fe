/** Routes that look into the kernel and steer it. */
import type { KernelControl, PluginInfo } from '@timonel/sdk';
import {
  parseRouteBody,
  pathParameter,
  type Route,
  type RouteRequest,
  type SubresourceResponse,
} from '@timonel/sdk/contracts/api-server';
import { ApiError } from '@timonel/sdk/kube';
import { z } from 'zod';
import { kernelStatus } from './kernel-status.ts';

export const root = '/apis/kernel.timonel.dev/v1';
const apiVersion = 'kernel.timonel.dev/v1';

export function answer(object: unknown, status = 200): SubresourceResponse {
  return { kind: 'object', status, object };
}

/** A route whose failures become Status. */
export function route(method: Route['method'], path: string, handle: (request: RouteRequest) => unknown): Route {
  return {
    method,
    path: `${root}${path}`,
    async handle(request) {
      try {
        return (await handle(request)) as SubresourceResponse;
      } catch (error) {
        throw kernelStatus(error);
      }
    },
  };
}

function pluginObject(info: PluginInfo): unknown {
  return { kind: 'Plugin', apiVersion, metadata: { name: info.name }, ...info };
}

function nameOf(request: RouteRequest, parameter: string): string {
  return pathParameter(request.params, parameter);
}

const enableBody = z
  .strictObject({
    file: z.string().min(1).optional(),
    name: z.string().min(1).optional(),
    config: z.unknown().optional(),
  })
  .refine(({ file, name }) => (file === undefined) !== (name === undefined), {
    message: 'exactly one of "file" (a path on the server) and "name" is needed',
  });
const configBody = z.strictObject({ config: z.unknown().optional() });
const providerBody = z.strictObject({ provider: z.string().min(1), probationMs: z.number().min(0).optional() });

export function pluginRoutes(control: KernelControl): Route[] {
  return [
    route('GET', '/plugins', () =>
      answer({ kind: 'PluginList', apiVersion, metadata: {}, items: control.list().map(pluginObject) }),
    ),
    route('POST', '/plugins', async (request) => {
      const { file, name, config } = parseRouteBody(enableBody, request.body);
      return answer(pluginObject(await control.enable(file ?? name ?? '', config)), 201);
    }),
    route('GET', '/plugins/:name', (request) => answer(pluginObject(control.info(nameOf(request, 'name'))))),
    route('POST', '/plugins/:name/enable', async (request) => {
      const { config } = parseRouteBody(configBody, request.body);
      return answer(pluginObject(await control.enable(nameOf(request, 'name'), config)));
    }),
    route('POST', '/plugins/:name/disable', async (request) =>
      answer(pluginObject(await control.disable(nameOf(request, 'name')))),
    ),
    route('GET', '/services/:id', (request) => {
      const id = nameOf(request, 'id');
      const provider = control.providerOf(id);
      if (provider === undefined) {
        throw new ApiError('NotFound', `services.kernel.timonel.dev "${id}" not found: no plugin provides it alone`, {
          name: id,
          group: 'kernel.timonel.dev',
          kind: 'services',
        });
      }
      return answer({ kind: 'Service', apiVersion, metadata: { name: id }, provider });
    }),
    route('PUT', '/services/:id', async (request) => {
      const id = nameOf(request, 'id');
      const { provider, probationMs } = parseRouteBody(providerBody, request.body);
      const report = await control.swap(id, provider, probationMs === undefined ? {} : { probationMs });
      return answer({ kind: 'Service', apiVersion, metadata: { name: id }, provider: report.to, report });
    }),
  ];
}
