import { familyRangeTexts } from '@timonel/sdk/contracts/network';
import { defaultNodePort } from '@timonel/sdk/contracts/node';
import { bridgeRanges, familyRanges, hasIpv6Alone } from './family-ranges.ts';
import type { ClusterSettings, Profile, ProfileEntry } from './profile.ts';

function agentEntries(settings: ClusterSettings): readonly ProfileEntry[] {
  const { servers, pki, clusterCidr = settings.podCidr, nodeAddress = '', pkiDirectory } = settings;
  if (servers === undefined || pki === undefined || pkiDirectory === undefined) {
    throw new Error('the profile agent needs the settings of a node that has joined');
  }
  const clusterCidrs = familyRangeTexts(familyRanges('--cluster-cidr', clusterCidr));
  const everyAddress = hasIpv6Alone(clusterCidr) ? '::' : '0.0.0.0';
  const { nodeName } = settings;
  return [
    { plugin: 'api-client-https', config: { servers, ...pki } },
    {
      plugin: 'node-certificate',
      config: { servers, pkiDirectory, addresses: nodeAddress === '' ? [] : [nodeAddress] },
    },
    { plugin: 'registry-distribution' },
    { plugin: 'images-local' },
    { plugin: 'runtime-linux' },
    { plugin: 'volumes-core' },
    { plugin: 'node-devices' },
    { plugin: 'volumes-csi', config: { nodeName: settings.nodeName } },
    { plugin: 'volumes-local', config: { nodeName: settings.nodeName } },
    { plugin: 'network-bridge', config: { ...bridgeRanges(settings.podCidr), clusterCidrs } },
    {
      plugin: 'routes-auto',
      config: { nodeName, clusterCidrs, onShutdown: settings.onShutdown },
    },
    settings.hasNftables
      ? {
          plugin: 'proxy-nftables',
          config: { serviceCidr: settings.serviceCidr, nodeName, clusterCidrs, onShutdown: settings.onShutdown },
        }
      : { plugin: 'proxy-userspace', config: { nodeName, clusterCidrs } },
    { plugin: 'dns-node' },
    ...(settings.hasNftables
      ? [{ plugin: 'policy-nftables', config: { nodeName: settings.nodeName, onShutdown: settings.onShutdown } }]
      : []),
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
        nodeAddress,
        runtime: 'linux',
        onShutdown: settings.onShutdown,
        serverPort: defaultNodePort,
      },
    },
    // Shown at /metrics of the node's server.
    { plugin: 'metrics-prometheus' },
    { plugin: 'node-server', config: { ...pki, listen: { address: everyAddress, port: defaultNodePort } } },
  ];
}

/** A node whose control planes run elsewhere. Run by `timonel agent`. */
export const agentProfile: Profile = {
  name: 'agent',
  description: 'a node of a cluster whose servers run elsewhere; containers isolated by Linux namespaces and cgroups',
  closed: true,
  entries: agentEntries,
};
