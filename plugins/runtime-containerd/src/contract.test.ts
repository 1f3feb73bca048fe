import { isolatedCommands, logLimits, runtimeContract } from '@timonel/testkit/contracts/runtime';
import { containerdMissing } from '../../../test/support/containerd/daemon.ts';
import { Bed } from './testing/bed.ts';

runtimeContract(
  'runtime-containerd',
  async () => {
    if (containerdMissing !== undefined) throw new Error(containerdMissing);
    const bed = new Bed({ node: true }, logLimits);
    try {
      await bed.open();
    } catch (error) {
      await bed.close();
      throw error;
    }
    return {
      runtime: bed.runtime,
      image: bed.image,
      logDirectory: bed.logs,
      commands: isolatedCommands,
      async restart() {
        await bed.restart();
        return bed.runtime;
      },
      close: () => bed.close(),
    };
  },
  isolatedCommands,
);
