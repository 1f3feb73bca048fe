import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { nodeDevices } from '@timonel/sdk/contracts/devices';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const kubeletDirectory = mkdtempSync(join(tmpdir(), 'timonel-devices-'));
afterAll(() => rmSync(kubeletDirectory, { recursive: true, force: true }));

pluginSuite('node-devices', () => ({
  entry: { definition: plugin, source: 'built-in', config: { kubeletDirectory } },
  dependencies: [],
  load: async (kernel) => {
    const pod = { metadata: { name: 'p', uid: 'u' }, spec: { containers: [{ name: 'c' }] } };
    const refusal = await kernel.service(nodeDevices).allocate(pod, undefined);
    if (refusal !== undefined) throw new Error('a pod without devices is refused');
  },
}));
