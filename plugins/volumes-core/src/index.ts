import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { volumeKinds } from '@timonel/sdk/contracts/volume';
import { coreKinds } from './core-kinds.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'volumes-core',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Volumes that pods declare themselves: emptyDir, hostPath, configMap, secret, downwardAPI, projected and image',
  provides: { kinds: volumeKinds },
  // Whatever it knows lies in the directories of the volumes.
  swap: 'drain',
  criticality: 'optional',
  setup: (ctx) => ({ provides: { kinds: coreKinds(ctx.env) } }),
});

export default plugin;
