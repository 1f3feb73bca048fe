import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import { createRecordingLogger } from '@timonel/testkit';
import { runtimeContract, shellCommands, type RuntimeCommands } from '@timonel/testkit/contracts/runtime';
import { ProcessHost, ProcessRuntime } from './process-runtime.ts';
import { ProcessTable } from './process-table.ts';

// A plain process is not safe from its own signals as pid 1 of a namespace is.
const commands: RuntimeCommands = { ...shellCommands, keepsLimits: false, killItself: ['sh', '-c', 'kill -9 $$'] };

runtimeContract(
  'runtime-process',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'timonel-process-'));
    const host = new ProcessHost();
    const table = new ProcessTable(directory);
    const env = createRealEnv();
    const make = (): ProcessRuntime => new ProcessRuntime(env, createRecordingLogger(), table, host);
    let runtime = make();
    return {
      runtime,
      image: { imageId: 'sha256:host', reference: 'timonel.local/node:host', layers: [] },
      logDirectory: join(directory, 'logs'),
      commands,
      restart: async () => (runtime = make()),
      close: async () => {
        await runtime.endAll();
        await rm(directory, { recursive: true, force: true });
      },
    };
  },
  commands,
);
