/** The contract of `runtime`: every container runtime passes it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { containerTests } from './containers.ts';
import { isolationTests } from './isolation.ts';
import { limitTests } from './limits.ts';
import { logTests } from './logs.ts';
import { outputTests } from './output.ts';
import { refusalTests } from './refusals.ts';
import { restartTests } from './restarts.ts';
import { sandboxTests } from './sandboxes.ts';
import { sessionTests } from './sessions.ts';
import { SuiteContext } from './suite-context.ts';
import { shellCommands, type RuntimeCommands, type RuntimeUnderTest } from './under-test.ts';

export { containerConfig, sandboxConfig } from './configs.ts';
export {
  isolatedCommands,
  logLimits,
  shellCommands,
  type RuntimeCommands,
  type RuntimeUnderTest,
} from './under-test.ts';

/**
 * Declares the tests for one runtime. `commands` must be those of the runtime that `make` gives: where one is undefined, the
 * tests of that feature are listed as skipped, with the reason.
 */
export function runtimeContract(
  name: string,
  make: () => Promise<RuntimeUnderTest>,
  commands: RuntimeCommands = shellCommands,
): void {
  describe(`runtime contract: ${name}`, () => {
    const suite = new SuiteContext(commands);
    beforeAll(async () => {
      suite.open(await make());
    }, 60_000);
    afterEach(() => suite.removeAll(), 30_000);
    afterAll(() => suite.close(), 30_000);

    it('says what it is', async () => {
      const info = await suite.runtime.info();
      expect(info).toMatchObject({ name: expect.any(String), isolation: expect.any(String), ready: true, reason: '' });
    });
    sandboxTests(suite);
    containerTests(suite);
    outputTests(suite);
    logTests(suite);
    limitTests(suite);
    isolationTests(suite);
    refusalTests(suite);
    sessionTests(suite);
    restartTests(suite);
  });
}
