import { volumeKinds } from '@timonel/sdk/contracts/volume';
import { manualEnv, pluginSuite } from '@timonel/testkit';
import { volumeKindContract } from '@timonel/testkit/contracts/volume';
import { coreKinds } from './core-kinds.ts';
import plugin from './index.ts';

pluginSuite('volumes-core', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const known = kernel.service(volumeKinds).all();
    if (!known.some(({ service }) => service.keys().includes('emptyDir'))) throw new Error('it serves no emptyDir');
  },
}));

const make = (source: Record<string, unknown>, more: object = {}) => ({
  kind: coreKinds(manualEnv()),
  source,
  ...more,
});
const configMap = async () => ({ metadata: { name: 'c' }, data: { key: 'value' } });
const items = [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }];

volumeKindContract('emptyDir', async () => make({ emptyDir: {} }, { broken: { emptyDir: { medium: 'HugePages' } } }));
volumeKindContract('configMap', async () =>
  make({ configMap: { name: 'c' } }, { node: { configMap }, broken: { secret: { secretName: 'absent' } } }),
);
volumeKindContract('downwardAPI', async () => make({ downwardAPI: { items } }));
volumeKindContract('projected', async () =>
  make(
    { projected: { sources: [{ downwardAPI: { items } }, { serviceAccountToken: { path: 'token' } }] } },
    { broken: { projected: { sources: [{ clusterTrustBundle: {} }] } } },
  ),
);
volumeKindContract('hostPath', async () =>
  make({ hostPath: { path: '/etc' } }, { broken: { hostPath: { path: '/absent', type: 'Directory' } } }),
);
if (process.getuid?.() === 0)
  volumeKindContract('emptyDir of memory', async () => make({ emptyDir: { medium: 'Memory' } }));
