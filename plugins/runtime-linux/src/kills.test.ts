/**
 * SIGKILL to the launcher, to the monitor and to what it makes, at each of its system calls in turn (every seventh, for the sake of time; all
 * with TIMONEL_EVERY_CALL=1): a runtime that is opened afterwards repairs, nothing is left, and the next container runs.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { Bed } from './testing/bed.ts';
import { leftovers } from './testing/leftovers.ts';
import { makeNative } from './testing/native-build.ts';
import { removeDirectory, temporaryDirectory } from './testing/open-runtime.ts';

const built = temporaryDirectory();
const fault = join(built, 'fault');
const bed = new Bed(createRealEnv(), {}, join(built, 'timonel-monitor-faults'));
const stride = process.env['TIMONEL_EVERY_CALL'] === '1' ? 1 : 7;
beforeAll(async () => {
  makeNative(['faults'], { OUT: built, FAULT: fault });
  await bed.open();
}, 60_000);
afterAll(async () => {
  await bed.close();
  removeDirectory(built);
});

/** False: there are fewer calls. */
function wasHit(): boolean {
  try {
    return readFileSync(`${fault}.hit`, 'utf8') !== '';
  } catch {
    return false;
  }
}

/** `k`: the process at this depth is killed, `p`: its parent. @returns at how many calls */
async function killAtEach(depth: number, whom: 'k' | 'p', work: () => Promise<unknown>): Promise<number> {
  let count = 0;
  for (let number = 1; ; number += stride) {
    // The plan is for the work, and not for who empties the trash.
    await until(() => !leftovers(bed.dataDir).some((each) => each.includes('/trash')), {
      what: 'the trash to be empty',
    });
    rmSync(`${fault}.hit`, { force: true });
    writeFileSync(fault, `${depth} ${number} ${whom}`);
    await work().catch(() => undefined);
    rmSync(fault, { force: true });
    if (!wasHit()) return count;
    count++;
    await bed.restart();
    await bed.removeAll();
    await until(() => leftovers(bed.dataDir).length === 0, { what: 'the end of all', timeoutMs: 8000 }).catch(() => {
      throw new Error(`left after a kill at ${depth} ${number}: ${leftovers(bed.dataDir).join('; ')}`);
    });
  }
}

describe.each([
  ['the process that does the work', 1, 'k'],
  ['what it makes', 2, 'k'],
  ['the launcher', 1, 'p'],
] as const)('a kill of %s', (_who, depth, whom) => {
  it('leaves nothing of a sandbox', async () => {
    const shared = { shareProcessNamespace: true };
    const make = (): Promise<unknown> => bed.runtime.runSandbox(sandboxConfig(bed.newId(), bed.logs, shared));
    expect(await killAtEach(depth, whom, make)).toBeGreaterThan(0);
    expect(await bed.run('echo fine')).toMatchObject({ exitCode: 0, stdout: 'fine' });
  }, 60_000);

  it('leaves nothing of a container that is made, started, stopped and removed', async () => {
    const live = async (): Promise<void> => {
      const sandbox = await bed.sandbox();
      writeFileSync(fault, plan);
      const id = await bed.started(sandbox, ['sleep', '60']);
      await bed.runtime.stopContainer(id, 0);
      await bed.runtime.removeContainer(id);
    };
    let plan = '';
    const work = async (): Promise<void> => {
      plan = readFileSync(fault, 'utf8');
      rmSync(fault); // the sandbox is made in peace
      await live();
    };
    expect(await killAtEach(depth, whom, work)).toBeGreaterThan(0);
    expect(await bed.run('echo fine')).toMatchObject({ exitCode: 0, stdout: 'fine' });
  }, 60_000);
});
