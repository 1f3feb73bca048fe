import { definePlugin, errorMessage, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { nodeParts } from '@timonel/sdk/contracts/node-parts';
import { volumeDrivers, volumeKinds, type VolumeDriver, type VolumeKind } from '@timonel/sdk/contracts/volume';
import { kubeletDirectory, PluginWatcher, registryDirectory } from '@timonel/sdk/node-plugins';
import { configSchema } from './config.ts';
import { Drivers } from './registration/drivers.ts';
import { NodeObjects } from './registration/node-objects.ts';
import { InUse } from './volume/in-use.ts';
import { VolumePaths } from './volume/paths.ts';
import { VolumeRecords } from './volume/records.ts';
import { CsiVolumes } from './volume/volumes.ts';
import { wantedOfClaim, wantedOfPod } from './volume/wanted.ts';

function driverOf(volumes: CsiVolumes): VolumeDriver {
  return {
    supports: ({ spec }) => spec?.csi !== undefined,
    mount: async (request) => volumes.mount(wantedOfClaim(request)),
    unmount: ({ uid }) => volumes.unmount(uid),
    usage: async (request) => volumes.usage(wantedOfClaim(request)),
  };
}

function kindOf(volumes: CsiVolumes): VolumeKind {
  return {
    keys: () => ['csi'],
    async prepare(request) {
      const wanted = wantedOfPod(request);
      return { ...(await volumes.mount(wanted)), ...(wanted.readOnly ? { readOnly: true } : {}) };
    },
    remove: ({ uid }) => volumes.unmount(uid),
    usage: (request) => volumes.usage(wantedOfPod(request)),
  };
}

const plugin: AnyPlugin = definePlugin({
  name: 'volumes-csi',
  version: '0.1.0',
  apiVersion: 1,
  description: 'Mounts volumes of CSI drivers, which register with the node as with a kubelet.',
  provides: { drivers: volumeDrivers, kinds: volumeKinds, node: nodeParts },
  requires: { api: apiClient },
  config: configSchema,
  swap: 'drain',
  criticality: 'optional',
  setup({ config, deps: { api }, env, log, signal, dataDir }) {
    const { nodeName, callTimeoutMs, attachTimeoutMs, republishIntervalMs } = config;
    const kubelet = kubeletDirectory(config.kubeletDirectory, dataDir);
    const paths = new VolumePaths(kubelet);
    const records = new VolumeRecords(paths, log);
    const objects = new NodeObjects({ nodeName, api, env, log });
    const drivers = new Drivers({ env, log, timeoutMs: callTimeoutMs, changed: (all) => objects.set(all) });
    const inUse = new InUse({ nodeName, api, env, log, records });
    const common = { api, env, log, nodeName, signal, drivers, paths, records, inUse };
    const volumes = new CsiVolumes({ ...common, attachTimeoutMs, republishIntervalMs });
    const watcher = new PluginWatcher({ directory: registryDirectory(kubelet), env, log, handler: drivers });
    return {
      provides: {
        drivers: driverOf(volumes),
        kinds: kindOf(volumes),
        node: {
          status: () => ({ volumesInUse: inUse.names() }),
          onChange: (listener) => inUse.onChange(listener),
        },
      },
      async start() {
        // Only now: one that this plugin takes the place of wrote records until a moment ago.
        await records.load();
        objects.write();
        await watcher.start().catch((error: unknown) => {
          const what = 'no CSI driver can register: its directory cannot be used';
          log.warn({ directory: registryDirectory(kubelet), error: errorMessage(error) }, what);
        });
      },
      async stop() {
        await watcher.stop();
        inUse.close();
        await objects.close();
        drivers.close();
      },
    };
  },
});

export default plugin;
