import { controlPlane } from './control-plane.ts';
import type { Profile } from './profile.ts';

/**
 * The machine is somebody's own, and its disk holds other things: a tenth of it, as the kubelet wants it to be free, may be more than
 * anybody needs. What is named here is enough for pods to go on.
 */
const sharedMachineThresholds = {
  'memory.available': '100Mi',
  'nodefs.available': '1Gi',
  'nodefs.inodesFree': '1%',
  'imagefs.available': '1Gi',
  'imagefs.inodesFree': '1%',
};

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
    { plugin: 'network-bridge', config: { podCidr: settings.podCidr } },
    settings.hasNftables
      ? {
          plugin: 'proxy-nftables',
          config: {
            serviceCidr: settings.serviceCidr,
            nodeName: settings.nodeName,
            clusterCidrs: [settings.podCidr],
          },
        }
      : {
          plugin: 'proxy-userspace',
          config: { nodeName: settings.nodeName, clusterCidrs: [settings.podCidr] },
        },
    { plugin: 'dns-node' },
    ...(settings.hasNftables ? [{ plugin: 'policy-nftables', config: { nodeName: settings.nodeName } }] : []),
    { plugin: 'loadbalancer-link', config: { nodeName: settings.nodeName, onShutdown: settings.onShutdown } },
    {
      plugin: 'node-agent',
      config: {
        nodeName: settings.nodeName,
        runtime: 'linux',
        onShutdown: settings.onShutdown,
        evictionHard: sharedMachineThresholds,
        labels: settings.rootless === undefined ? {} : { 'timonel.dev/rootless': 'true' },
      },
    },
  ],
};
