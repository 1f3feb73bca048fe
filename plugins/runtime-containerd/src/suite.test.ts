import { afterAll } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { containerRuntime } from '@timonel/sdk/contracts/runtime';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const directory = mkdtempSync(join(tmpdir(), 'timonel-rc-suite-'));

// Without containerd: it must start, say so, and leave nothing. With it the contract suite is run.
pluginSuite('runtime-containerd', () => ({
  entry: { definition: plugin, source: 'built-in', config: { socket: join(directory, 'absent.sock') } },
  dependencies: [],
  async load(kernel) {
    const [provider] = kernel.service(containerRuntime).all();
    const info = await provider?.service.info();
    if (info === undefined || info.ready || !info.reason.includes('does not answer'))
      throw new Error(`wrong: ${info?.reason}`);
  },
}));

afterAll(() => rmSync(directory, { recursive: true, force: true }));
