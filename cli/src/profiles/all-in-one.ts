import { familyRangeTexts } from '@timonel/sdk/contracts/network';
import { controlPlane } from './control-plane.ts';
import { bridgeRanges, familyRanges } from './family-ranges.ts';
import type { Profile } from './profile.ts';

/** Control plane and node in one process, with isolated containers. Needs root, of the machine or of a user namespace. */
export const allInOne: Profile = {
  name: 'all-in-one',
  description:
    'control plane and node in one process; containers isolated by Linux namespaces and cgroups (root, or user namespaces)',
  entries: (settings) => [
    ...controlPlane(settings),
    { plugin: 'registry-distribution', config: { tunnelSocket: settings.rootless?.tunnelSocket ?? '' } },
    { plugin: 'images-local' },
    { plugin: 'runtime-linux' },
    { plugin: 'volumes-core' },
    { plugin: 'node-devices' },
    { plugin: 'volumes-csi', config: { nodeName: settings.nodeName } },
    { plugin: 'volumes-local', config: { nodeName: settings.nodeName } },
    { plugin: 'network-bridge', config: bridgeRanges(settings.podCidr) },
    { plugin: 'api-podnetwork', config: { nodeName: settings.nodeName } },
    settings.hasNftables
      ? {
          plugin: 'proxy-nftables',
          config: {
            serviceCidr: settings.serviceCidr,
            nodeName: settings.nodeName,
            clusterCidrs: familyRangeTexts(familyRanges('--pod-cidr', settings.podCidr)),
          },
        }
      : {
          plugin: 'proxy-userspace',
          config: {
            nodeName: settings.nodeName,
            clusterCidrs: familyRangeTexts(familyRanges('--pod-cidr', settings.podCidr)),
          },
        },
    { plugin: 'dns-node' },
    ...(settings.hasNftables ? [{ plugin: 'policy-nftables', config: { nodeName: settings.nodeName } }] : []),
    {
      plugin: 'ingress-haproxy',
      enabled: false,
      config: { nodeName: settings.nodeName, onShutdown: settings.onShutdown },
    },
    { plugin: 'loadbalancer-link', config: { nodeName: settings.nodeName, onShutdown: settings.onShutdown } },
    {
      plugin: 'node-agent',
      config: {
        nodeName: settings.nodeName,
        runtime: 'linux',
        onShutdown: settings.onShutdown,
        evictionDefaults: 'shared',
        labels: settings.rootless === undefined ? {} : { 'timonel.dev/rootless': 'true' },
      },
    },
  ],
};
