import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

// The suite asks for the configuration before any hook runs.
const directory = mkdtempSync(join(tmpdir(), 'timonel-cni-'));
const [confDirectory, programs] = [join(directory, 'conf'), join(directory, 'programs')];
for (const path of [confDirectory, programs]) mkdirSync(path);
writeFileSync(join(programs, 'one'), '#!/bin/sh\n', { mode: 0o755 });
writeFileSync(join(confDirectory, 'a.conf'), '{"cniVersion":"1.0.0","name":"net","type":"one"}');
afterAll(() => rm(directory, { recursive: true, force: true }));

pluginSuite('network-cni', () => ({
  entry: {
    definition: plugin,
    source: 'built-in',
    config: { confDirectory, pluginDirectories: [programs], podCidr: '10.9.0.0/24' },
  },
  dependencies: [],
  load: async (kernel) => {
    const { podCidr } = await kernel.service(podNetwork).nodeNetwork();
    if (podCidr !== '10.9.0.0/24') throw new Error(podCidr);
  },
}));
