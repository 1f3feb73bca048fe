import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { volumeKinds } from '@timonel/sdk/contracts/volume';
import { coreKinds } from './core-kinds.ts';
import { MemoryFilesystems } from './memory-filesystems.ts';
import { MemoryRoot } from './payload/memory-root.ts';

const plugin: AnyPlugin = definePlugin({
  name: 'volumes-core',
  version: '0.1.0',
  apiVersion: 1,
  description:
    'Volumes that pods declare themselves: emptyDir, hostPath, configMap, secret, downwardAPI, projected and image',
  provides: { kinds: volumeKinds },
  // Whatever it knows lies in the directories of the volumes, and in memory.
  swap: 'drain',
  criticality: 'optional',
  setup({ env, dataDir, log }) {
    const memory = new MemoryFilesystems();
    const memoryRoot = new MemoryRoot({ dataDir, log, filesystems: memory });
    return {
      provides: { kinds: coreKinds({ env, memory, memoryRoot }) },
      stop: (reason) => memoryRoot.close(reason),
    };
  },
});

export default plugin;
