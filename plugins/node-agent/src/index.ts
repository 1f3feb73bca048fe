import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { nodeDevices } from '@timonel/sdk/contracts/devices';
import { clusterDns } from '@timonel/sdk/contracts/dns';
import { images } from '@timonel/sdk/contracts/images';
import { networkPolicyEnforcer } from '@timonel/sdk/contracts/network-policy';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { nodeEndpoint, nodeInspection } from '@timonel/sdk/contracts/node';
import { nodeParts } from '@timonel/sdk/contracts/node-parts';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { volumeDrivers, volumeKinds } from '@timonel/sdk/contracts/volume';
import { configSchema } from './config.ts';
import { buildAgent } from './build-agent.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'node-agent',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Runs the pods that are bound to this node and reports on them',
  requires: { api: apiClient, runtimes: containerRuntime, images, network: podNetwork },
  optional: {
    dns: clusterDns,
    policies: networkPolicyEnforcer,
    volumes: volumeDrivers,
    volumeKinds,
    devices: nodeDevices,
    nodeParts,
  },
  provides: { node: nodeEndpoint, inspection: nodeInspection },
  config: configSchema,
  // Containers are taken over by the next agent, so that a swap needs no hand-over.
  swap: 'drain',
  criticality: 'optional',
  setup: (ctx) => buildAgent(ctx),
});

export default plugin;
