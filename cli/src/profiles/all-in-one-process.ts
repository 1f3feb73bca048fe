import { controlPlane } from './control-plane.ts';
import type { Profile } from './profile.ts';

/** The fall-back where containers cannot be isolated: pods are plain processes, each on a loopback address of its own. */
export const allInOneProcess: Profile = {
  name: 'all-in-one-process',
  description: 'as all-in-one, but containers are plain processes without any isolation (needs nothing)',
  entries: (settings) => [
    ...controlPlane({ ...settings, serviceCidr: '127.96.0.0/16' }),
    { plugin: 'registry-distribution' },
    { plugin: 'images-local' },
    { plugin: 'runtime-process' },
    { plugin: 'volumes-core' },
    { plugin: 'volumes-local', config: { nodeName: settings.nodeName } },
    { plugin: 'network-loopback' },
    { plugin: 'api-podnetwork', config: { nodeName: settings.nodeName } },
    { plugin: 'proxy-userspace', config: { assignAddresses: false } },
    {
      plugin: 'node-agent',
      config: { nodeName: settings.nodeName, runtime: 'process', onShutdown: settings.onShutdown },
    },
  ],
};
