import { join } from 'node:path';
import { createRealEnv } from '@timonel/core';
import { isolatedCommands, logLimits, runtimeContract } from '@timonel/testkit/contracts/runtime';
import { makeHostImage } from '../../../runtime-linux/src/testing/host-image.ts';
import type { OciKind } from '../host.ts';
import { leftovers } from './leftovers.ts';
import { needPrograms, openRuntime, removeDirectory, temporaryDirectory } from './open-runtime.ts';

/** The contract of runtimes, and that nothing is left behind when it is through. */
export function ociContract(kind: OciKind): void {
  runtimeContract(
    `runtime-${kind}`,
    async () => {
      needPrograms(kind);
      const image = makeHostImage();
      const dataDir = temporaryDirectory(kind);
      const env = createRealEnv();
      let runtime = await openRuntime(kind, dataDir, env, logLimits);
      return {
        runtime,
        image: image.image,
        logDirectory: join(dataDir, 'logs'),
        commands: isolatedCommands,
        async restart() {
          runtime.close();
          runtime = await openRuntime(kind, dataDir, env, logLimits);
          return runtime;
        },
        close() {
          runtime.close();
          const left = leftovers(dataDir);
          removeDirectory(dataDir);
          image.remove();
          return left.length === 0 ? Promise.resolve() : Promise.reject(new Error(`left behind: ${left.join('; ')}`));
        },
      };
    },
    isolatedCommands,
  );
}
