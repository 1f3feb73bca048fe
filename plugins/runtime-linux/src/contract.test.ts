import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import { isolatedCommands, logLimits, runtimeContract } from '@timonel/testkit/contracts/runtime';
import { makeHostImage } from './testing/host-image.ts';
import { openRuntime, removeDirectory, temporaryDirectory } from './testing/open-runtime.ts';

runtimeContract(
  'runtime-linux',
  async () => {
    const image = makeHostImage();
    const dataDir = temporaryDirectory();
    const env = createRealEnv();
    let runtime = await openRuntime(dataDir, env, logLimits);
    return {
      runtime,
      image: image.image,
      logDirectory: join(dataDir, 'logs'),
      commands: isolatedCommands,
      async restart() {
        runtime.close();
        runtime = await openRuntime(dataDir, env, logLimits);
        return runtime;
      },
      close() {
        runtime.close();
        removeDirectory(dataDir);
        image.remove();
        return Promise.resolve();
      },
    };
  },
  isolatedCommands,
);
