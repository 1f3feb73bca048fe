import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { detectCgroups } from '@timonel/sdk/linux/cgroup';
import { until } from '@timonel/testkit';
import { Launcher } from './launcher.ts';
import { encodeSpec } from './spec-file.ts';
import { Bed } from './testing/bed.ts';
import { leftovers } from './testing/leftovers.ts';
import { removeDirectory, temporaryDirectory } from './testing/open-runtime.ts';

/** Children of this process that are launchers. */
function launchers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        return status.startsWith('Name:\ttimonel-launch\n') && status.includes(`\nPPid:\t${process.pid}\n`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

describe('the launcher', () => {
  let directory = '';
  let launcher: Launcher;
  beforeEach(() => {
    directory = temporaryDirectory();
    launcher = new Launcher({ env: createRealEnv(), deadlineMs: 5000 });
  });
  afterEach(async () => {
    launcher.close();
    await until(() => launchers().length === 0, { what: 'the launcher to end' });
    removeDirectory(directory);
  });

  /** A sandbox that makes nothing but a uts namespace. */
  function sandbox(name: string): string {
    const path = join(directory, name);
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, 'spec'), encodeSpec([['hostname', 'x']]));
    return path;
  }

  it('is one process for any number of requests at once', async () => {
    const paths = Array.from({ length: 150 }, (_, i) => sandbox(`with space ${i}`));
    await Promise.all(paths.map((path) => launcher.run('sandbox', path)));
    expect(launchers()).toHaveLength(1);
    await Promise.all(paths.map((path) => launcher.run('release', path)));
    for (const path of paths) expect(readdirSync(path)).toEqual(['spec']);
  });

  it('tells each what failed, and goes on', async () => {
    const failure = launcher.run('container', join(directory, 'absent'));
    const [failed] = await Promise.allSettled([failure, launcher.run('release', sandbox('good'))]);
    expect(failed).toMatchObject({
      status: 'rejected',
      reason: { exitCode: 128, message: `chdir ${join(directory, 'absent')}: No such file or directory` },
    });
    expect(launchers()).toHaveLength(1);
  });

  it('refuses a directory that is no path, and goes on', async () => {
    await expect(launcher.run('sandbox', `/${'a'.repeat(9000)}`)).rejects.toThrow('a path is longer than 4096 bytes');
    await launcher.run('release', sandbox('good'));
  });

  it('takes no request once it is closed', async () => {
    launcher.close();
    await expect(launcher.run('release', sandbox('good'))).rejects.toThrow('the runtime is closed');
  });
});

describe('a launcher with a job that does not end', () => {
  const deadlineMs = 300;
  const late = `was not done within ${deadlineMs / 1000} s and was ended`;
  let directory = '';
  let launcher: Launcher;
  beforeEach(() => {
    directory = temporaryDirectory();
    launcher = new Launcher({ env: createRealEnv(), deadlineMs });
    writeFileSync(join(directory, 'spec'), encodeSpec([['hostname', 'x']]));
    mkdirSync(join(directory, 'stuck'));
    execFileSync('mkfifo', [join(directory, 'stuck', 'spec')]); // nobody writes to it
  });
  afterEach(async () => {
    launcher.close();
    await until(() => launchers().length === 0, { what: 'the launcher to end' });
    removeDirectory(directory);
  });

  it('ends the job, says so and goes on', async () => {
    const stuck = join(directory, 'stuck');
    await expect(launcher.run('sandbox', stuck)).rejects.toThrow(`timonel-monitor sandbox ${late}`);
    const [first] = launchers();
    await launcher.run('sandbox', directory);
    await launcher.run('release', directory);
    expect(launchers()).toEqual([first]);
    await until(() => leftovers(directory).length === 0, { what: 'the job to be gone' });
  });

  it('is replaced when it is stuck itself', async () => {
    await launcher.run('release', directory);
    const [first = 0] = launchers();
    process.kill(first, 'SIGSTOP');
    await expect(launcher.run('release', directory)).rejects.toThrow(late);
    await launcher.run('release', directory);
    expect(launchers()).toHaveLength(1);
    expect(launchers()).not.toContain(first);
  });
});

describe('a launcher that can make no process', () => {
  it('says so for each job, and is replaced', async () => {
    const { driver } = detectCgroups();
    if (driver === undefined) throw new Error('these tests need cgroups');
    const group = `timonel-test-${process.pid}`;
    const directory = temporaryDirectory();
    const launcher = new Launcher({ env: createRealEnv(), deadlineMs: 5000 });
    try {
      await launcher.run('release', directory);
      const [first = 0] = launchers();
      driver.create(group, { pidsLimit: 1 });
      for (const file of driver.joinFiles(group)) writeFileSync(file, String(first));
      await expect(launcher.run('release', directory)).rejects.toThrow(
        'fork: Resource temporarily unavailable: no process can be made for a container: is a limit of processes reached?',
      );
      await launcher.run('release', directory);
      await until(() => !launchers().includes(first), { what: 'the first to be gone' });
      expect(launchers()).toHaveLength(1);
    } finally {
      launcher.close();
      await until(() => launchers().length === 0, { what: 'the launcher to end' });
      await until(() => driver.remove(group), { what: 'the control group to go' });
      removeDirectory(directory);
    }
  });
});

describe('a killed launcher', () => {
  const bed = new Bed(createRealEnv(), { jobDeadlineSeconds: 5 });
  beforeAll(() => bed.open(), 60_000);
  afterAll(() => bed.close());

  it('is replaced with the next request; containers go on', async () => {
    const pod = await bed.sandbox();
    const running = await bed.started(pod, ['sleep', '60']);
    for (const pid of launchers()) process.kill(pid, 'SIGKILL');
    await until(() => launchers().length === 0, { what: 'the launcher to be gone' });
    expect((await bed.run('echo fine', {}, pod)).stdout).toBe('fine');
    expect(await bed.runtime.containerStatus(running)).toMatchObject({ state: 'running' });
  });
});
