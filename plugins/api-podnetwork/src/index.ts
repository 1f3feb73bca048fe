import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { placeOfServer } from '@timonel/sdk/controller/endpoints';
import { z } from 'zod';
import { PodSideApi } from './pod-side-api.ts';

const config = z.strictObject({
  /** The node in this process: the endpoint of the API is said to be there. */
  nodeName: z.string().min(1).optional(),
});

/**
 * An API server that listens where only its machine reaches it is served to the pods of this node, too: at the address under which they
 * reach the node, and to nobody else.
 */
const plugin: AnyPlugin = definePlugin({
  name: 'api-podnetwork',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Serves the API to the pods of this node, where the server itself listens on a loopback address.',
  requires: { api: apiClient, endpoint: apiEndpoint, network: podNetwork },
  config,
  criticality: 'optional',
  swap: 'drain',
  setup(ctx) {
    const { api, endpoint, network } = ctx.deps;
    const podSide = new PodSideApi({
      api,
      endpoint,
      network,
      env: ctx.env,
      log: ctx.log,
      signal: ctx.signal,
      ...ctx.config,
    });
    return {
      start() {
        // Pods reach it as it is, and service-allocator says so.
        if (placeOfServer(endpoint.url()) === undefined) podSide.start();
      },
      stop: () => podSide.stop(),
    };
  },
});

export default plugin;
