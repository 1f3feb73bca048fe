import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { Logger } from '@timonel/sdk';
import { until } from '@timonel/testkit';
import { sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { Launcher } from './launcher.ts';
import { RunDirectory, runPathOf } from './run-directory.ts';
import { openRuntime, removeDirectory, temporaryDirectory } from './testing/open-runtime.ts';

const env = createRealEnv();
let directory = '';
let said: string[] = [];
const log: Logger = { debug() {}, info: (_, text) => said.push(text ?? ''), warn() {}, error() {}, child: () => log };
beforeEach(() => {
  directory = temporaryDirectory();
  said = [];
});
afterEach(() => removeDirectory(directory));

describe('a run directory where nothing can be mounted', () => {
  const path = (): string => join(directory, 'run');
  const open = async (): Promise<RunDirectory> => {
    const launcher = new Launcher({ env, deadlineMs: 1000, monitor: '/bin/false' });
    const made = new RunDirectory(path(), { launcher, env, log });
    await made.open();
    return made;
  };

  it('is a plain one, which says so, and stays the same until the next boot', async () => {
    const first = await open();
    expect(said).toEqual([expect.stringContaining('no file system in memory could be mounted')]);
    writeFileSync(join(path(), 'record'), '');
    first.close(true);
    const second = await open();
    expect(second.id).toBe(first.id);
    expect(existsSync(join(path(), 'record'))).toBe(true);
    second.close(true);
  });

  it('is empty after a boot, and another one', async () => {
    const first = await open();
    first.close(true);
    const stamp = join(path(), 'stamp.json');
    writeFileSync(stamp, readFileSync(stamp, 'utf8').replace(/"bootId":"[^"]+"/, '"bootId":"another"'));
    mkdirSync(join(path(), 'containers', 'c'), { recursive: true });
    const second = await open();
    expect(second.id).not.toBe(first.id);
    expect(existsSync(join(path(), 'containers'))).toBe(false);
    second.close(true);
  });

  it('is refused when it is not ours', async () => {
    mkdirSync(path());
    chownSync(path(), 4321, 4321);
    await expect(open()).rejects.toThrow(`${path()} belongs to user 4321: remove it, or name another place`);
  });
});

describe('the run directory of a runtime', () => {
  it('is where the configuration says, by the data directory, or within that', () => {
    const named = runPathOf('/data', directory);
    expect(named).toMatch(new RegExp(`^${directory}/timonel-[0-9a-f]{10}$`));
    expect(runPathOf('/other', directory)).not.toBe(named);
    expect(runPathOf('/data', join(directory, 'absent'))).toBe('/data/run');
  });

  it('stays while another runtime of the same data has it open, and is unmounted by the last', async () => {
    const dataDir = join(directory, 'data');
    const runDirectory = directory;
    const path = runPathOf(dataDir, runDirectory);
    const first = await openRuntime(dataDir, env, { runDirectory });
    const second = await openRuntime(dataDir, env, { runDirectory });
    first.close();
    await second.runSandbox(sandboxConfig('pod', join(directory, 'logs')));
    expect(await second.listSandboxes()).toMatchObject([{ state: 'ready' }]);
    await second.removeSandbox('pod');
    second.close();
    await until(() => !existsSync(path), { what: 'the directory to be unmounted' });
  });

  it('is there at once for the next, however often that comes', async () => {
    const dataDir = join(directory, 'data');
    for (let time = 0; time < 10; time++) {
      const runtime = await openRuntime(dataDir, env, { runDirectory: directory });
      runtime.close();
    }
    await until(() => !existsSync(runPathOf(dataDir, directory)), { what: 'the directory to be unmounted' });
  });
});
