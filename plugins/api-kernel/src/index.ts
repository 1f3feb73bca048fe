import { definePlugin, kernelControl, type AnyPlugin } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { healthSource } from '@timonel/sdk/contracts/health';
import { apiClient } from '@timonel/sdk/contracts/api';
import { images } from '@timonel/sdk/contracts/images';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { imageRoutes } from './image-routes.ts';
import { pluginRoutes } from './plugin-routes.ts';
import { pluginsCheck } from './plugins-check.ts';

/** Serves the kernel itself under /apis/kernel.timonel.dev/v1: plugins, providers of services, images of the node. */
const plugin: AnyPlugin = definePlugin({
  name: 'api-kernel',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Serves plugins, services and images of the running kernel over the API.',
  provides: { routes: routeProvider, health: healthSource },
  requires: { control: kernelControl },
  optional: { images, runtimes: containerRuntime, api: apiClient },
  setup(ctx) {
    const routes = Object.freeze([...pluginRoutes(ctx.deps.control), ...imageRoutes({ ...ctx.deps, env: ctx.env })]);
    const checks = Object.freeze([pluginsCheck(ctx.deps.control)]);
    return { provides: { routes: { routes: () => routes }, health: { checks: () => checks } } };
  },
});

export default plugin;
