import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { isAlive, killProcess } from '@timonel/sdk/linux';
import { until } from '@timonel/testkit';
import { sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { readIdentity } from './records.ts';
import { Bed } from './testing/bed.ts';
import { leftovers } from './testing/leftovers.ts';

const bed = new Bed(createRealEnv());
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

const directoryOf = (id: string): string => join(bed.dataDir, 'containers', id);
const runDirectoryOf = (id: string): string => join(bed.runDir, 'containers', id);

function identity(id: string, name: 'monitor' | 'created'): { readonly pid: number; readonly startTime: string } {
  const found = readIdentity(runDirectoryOf(id), name);
  if (found === undefined) throw new Error(`${id} has no record ${name}`);
  return found;
}

async function nothingLeft(): Promise<void> {
  await bed.removeAll();
  // a monitor that has just recorded the exit still syncs the record; its zombie waits for pid 1 of this machine
  await until(() => leftovers(bed.dataDir).length === 0, {
    what: `nothing left: ${leftovers(bed.dataDir).join('; ')}`,
  });
}

describe('nothing is left behind', () => {
  it('after containers that run, ended, failed to start, were never started', async () => {
    for (const shareProcessNamespace of [false, true]) {
      const sandbox = await bed.sandbox({ shareProcessNamespace });
      await bed.started(sandbox, ['sleep', '60']);
      await bed.result(await bed.started(sandbox, ['true']));
      const absent = bed.container(sandbox, ['absent']);
      await bed.runtime.createContainer(absent);
      await expect(bed.runtime.startContainer(absent.id)).rejects.toMatchObject({ reason: 'StartError' });
      await bed.runtime.createContainer(bed.container(sandbox, ['true']));
    }
    expect(leftovers(bed.dataDir)).not.toEqual([]);
    await nothingLeft();
  });

  it('after a container of which something could not be removed at once: its id is free, the rest goes later', async () => {
    const sandbox = await bed.sandbox();
    const config = bed.container(sandbox, ['true']);
    const trash = join(bed.dataDir, 'trash');
    mkdirSync(join(directoryOf(config.id), 'busy'), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'none', join(directoryOf(config.id), 'busy')]);
    await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({ name: 'RuntimeError' });
    const [name = ''] = readdirSync(trash);
    try {
      await bed.runtime.createContainer(config);
      await bed.runtime.removeContainer(config.id);
      await until(() => readdirSync(trash).length === 1, { what: 'all but what is held to go' });
      expect(readdirSync(trash)).toEqual([name]);
    } finally {
      execFileSync('umount', [join(trash, name, 'busy')]);
    }
    await bed.restart();
    await nothingLeft();
  });

  it('after 40 containers at once', async () => {
    const sandboxes = await Promise.all(Array.from({ length: 10 }, () => bed.sandbox()));
    const ids = await Promise.all(
      Array.from({ length: 40 }, (_, i) => bed.started(sandboxes[i % 10] ?? '', ['sleep', '60'])),
    );
    expect((await bed.runtime.listContainers()).filter(({ state }) => state === 'running')).toHaveLength(ids.length);
    await Promise.all(sandboxes.map((id) => bed.runtime.removeSandbox(id)));
    await nothingLeft();
  }, 20_000);

  it.each([
    ['an image layer that is not there', { image: { imageId: 'x', reference: 'x', layers: ['/no/such/layer'] } }],
    ['no image layer', { image: { imageId: 'x', reference: 'x', layers: [] } }],
    ['a user that is not there', { user: 'nobody-here' }],
    [
      'a mount that is not there',
      { mounts: [{ hostPath: '/no/such', containerPath: '/x', readOnly: true, propagation: 'private' as const }] },
    ],
    [
      'a mount over a file as directory',
      {
        mounts: [{ hostPath: '/tmp', containerPath: '/etc/passwd/x', readOnly: true, propagation: 'private' as const }],
      },
    ],
    [
      'a mount over the root',
      { mounts: [{ hostPath: '/tmp', containerPath: '//.', readOnly: true, propagation: 'private' as const }] },
    ],
    ['a limit that the kernel refuses', { resources: { pidsLimit: -9 } }],
    [
      'an unknown capability',
      {
        security: {
          privileged: false,
          readOnlyRootFilesystem: false,
          noNewPrivileges: true,
          addCapabilities: ['FLY'],
          dropCapabilities: [],
        },
      },
    ],
    ['a memory limit too small to begin', { resources: { memoryLimitBytes: 4096 } }],
  ])('after a container that cannot be made: %s', async (_what, changes) => {
    const sandbox = await bed.sandbox();
    const config = bed.container(sandbox, ['true'], changes);
    await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({ name: 'RuntimeError' });
    expect(existsSync(directoryOf(config.id))).toBe(false);
    await bed.runtime.createContainer(bed.container(sandbox, ['true'], {}, config.id)); // the id is free again
    await nothingLeft();
  });

  it('after a pod whose memory limit leaves no room for a container', async () => {
    const sandbox = await bed.sandbox({ resources: { memoryLimitBytes: 4096 } });
    await expect(bed.runtime.createContainer(bed.container(sandbox, ['true']))).rejects.toMatchObject({
      name: 'RuntimeError',
      message: expect.stringContaining('memory limit'),
    });
    await nothingLeft();
  });

  it('after a pod that is removed while its containers are made', async () => {
    const sandbox = await bed.sandbox();
    const creations = Array.from({ length: 5 }, () => bed.runtime.createContainer(bed.container(sandbox, ['true'])));
    await bed.runtime.removeSandbox(sandbox);
    await Promise.allSettled(creations);
    expect(await bed.runtime.listContainers()).toEqual([]);
    await nothingLeft();
  });

  it('after a sandbox that cannot be made', async () => {
    const config = sandboxConfig(bed.newId(), bed.logs, { hostname: 'x'.repeat(65) });
    await expect(bed.runtime.runSandbox(config)).rejects.toMatchObject({
      reason: 'FailedCreatePodSandBox',
      message: expect.stringContaining('sethostname'),
    });
    await nothingLeft();
  });
});

describe('a restarted agent', () => {
  it('clears away what a crash left half-made', async () => {
    const sandbox = await bed.sandbox();
    const half = await bed.started(sandbox, ['sleep', '60']);
    const monitor = identity(half, 'monitor');
    mkdirSync(directoryOf('only-a-directory'));
    mkdirSync(join(bed.runDir, 'sandboxes', 'only-a-directory', 'ns'), { recursive: true });
    mkdirSync(runDirectoryOf('only-records'));
    writeFileSync(join(bed.dataDir, 'sandboxes', 'cut-off.json'), '{"config": {');
    mkdirSync(directoryOf('cut-off'));
    writeFileSync(join(directoryOf('cut-off'), 'config.json'), '{"config": {');
    rmSync(join(runDirectoryOf(half), 'created')); // as if it died before the container was ready
    await bed.restart();
    expect(await bed.runtime.listContainers()).toEqual([]);
    expect((await bed.runtime.listSandboxes()).map(({ id }) => id)).toEqual([sandbox]);
    await until(() => !isAlive(monitor), { what: 'the monitor to end' });
    await nothingLeft();
  });

  it('takes up a removal that a crash cut off, at each of its steps', async () => {
    const sandbox = await bed.sandbox();
    const onDisk = ['config.json', 'upper', 'exit'].map((name) => [directoryOf, name] as const);
    const inMemory = ['created', 'monitor', 'control', 'exit', 'spec'].map((name) => [runDirectoryOf, name] as const);
    for (const [directory, missing] of [...onDisk, ...inMemory]) {
      const id = await bed.started(sandbox, ['true']);
      await bed.result(id);
      rmSync(join(directory(id), missing), { recursive: true });
      await bed.restart();
      await bed.runtime.removeContainer(id);
    }
    await bed.runtime.removeSandbox(sandbox);
    const second = await bed.sandbox();
    rmSync(join(bed.dataDir, 'sandboxes', `${second}.json`));
    await bed.restart();
    expect(await bed.runtime.listSandboxes()).toEqual([]);
    await nothingLeft();
  });

  it('knows after a boot, which empties the run directory, how containers ended, and takes none for running', async () => {
    const sandbox = await bed.sandbox();
    const ended = await bed.run(
      'echo -n bye > /dev/termination; exit 7',
      { terminationMessagePath: '/dev/termination' },
      sandbox,
    );
    const running = await bed.started(sandbox, ['sleep', '60']);
    const before = await bed.runtime.containerStatus(running);
    await until(() => existsSync(join(directoryOf(ended.id), 'exit')), { what: 'the end to be on disk' });
    bed.runtime.close();
    for (const name of ['monitor', 'created'] as const) killProcess(identity(running, name));
    execFileSync('umount', ['-l', bed.runDir]);
    await bed.open();
    const { id, startedAt, finishedAt } = ended;
    expect(await bed.runtime.containerStatus(id)).toMatchObject({
      state: 'exited',
      exitCode: 7,
      reason: 'Error',
      message: 'bye',
      startedAt,
      finishedAt,
    });
    expect(await bed.runtime.containerStatus(running)).toMatchObject({
      state: 'exited',
      exitCode: 137,
      reason: 'Error',
      createdAt: before?.createdAt,
      message: 'the node was restarted, and the container ended with it',
    });
    expect(await bed.runtime.listSandboxes()).toMatchObject([{ id: sandbox, state: 'notready' }]);
    expect(await bed.run('echo again')).toMatchObject({ exitCode: 0, stdout: 'again' });
    await nothingLeft();
  });

  it('reports a sandbox whose namespaces are gone as not ready', async () => {
    const sandbox = await bed.sandbox();
    expect(await bed.runtime.listSandboxes()).toMatchObject([{ state: 'ready' }]);
    execFileSync('umount', ['-l', join(bed.runDir, 'sandboxes', sandbox, 'ns')]);
    expect(await bed.runtime.listSandboxes()).toMatchObject([{ state: 'notready', networkNamespace: undefined }]);
    await nothingLeft();
  });
});

describe('a killed monitor', () => {
  const killed = { state: 'exited', exitCode: 137, signal: 9, reason: 'Error' };

  it('takes its container with it, which is noticed while the agent runs', async () => {
    const sandbox = await bed.sandbox();
    const id = await bed.started(sandbox, ['sh', '-c', 'trap "" TERM; sleep 60 & wait']);
    const init = identity(id, 'created');
    let told = '';
    bed.runtime.onEvent((event) => (told = `${event.type} ${event.containerId}`));
    process.kill(identity(id, 'monitor').pid, 'SIGKILL');
    await until(() => !isAlive(init), { what: 'the container to die' });
    await until(() => told === `container-exited ${id}`, { what: 'the event' });
    expect(await bed.runtime.containerStatus(id)).toMatchObject(killed);
    expect((await bed.runtime.containerStatus(id))?.message).toContain('monitor');
    await nothingLeft();
  });

  it('is killed with its container when it was stopped and does not answer', async () => {
    const id = await bed.started(await bed.sandbox(), ['sleep', '60']);
    const processes = [identity(id, 'monitor'), identity(id, 'created')];
    process.kill(identity(id, 'monitor').pid, 'SIGSTOP');
    await bed.runtime.stopContainer(id, 0);
    expect(processes.some(isAlive)).toBe(false);
    expect(await bed.runtime.containerStatus(id)).toMatchObject(killed);
    await nothingLeft();
  }, 20_000);

  it('is found at re-adoption, also when it was killed before the start', async () => {
    const sandbox = await bed.sandbox();
    const running = await bed.started(sandbox, ['sleep', '60'], { user: '1234' });
    const created = bed.container(sandbox, ['true']);
    await bed.runtime.createContainer(created);
    const inits = [running, created.id].map((id) => identity(id, 'created'));
    bed.runtime.close();
    for (const id of [running, created.id]) process.kill(identity(id, 'monitor').pid, 'SIGKILL');
    await bed.open();
    await until(() => !inits.some(isAlive), { what: 'the containers to die' });
    expect(await bed.runtime.containerStatus(running)).toMatchObject(killed);
    expect(await bed.runtime.containerStatus(created.id)).toMatchObject({ state: 'exited', exitCode: 137 });
    await expect(bed.runtime.startContainer(created.id)).rejects.toMatchObject({ reason: 'StartError' });
    await nothingLeft();
  });
});

describe('a container in distress', () => {
  it('goes on with its work when its log cannot be written', async () => {
    mkdirSync(join(bed.logs, 'full'), { recursive: true });
    rmSync(join(bed.logs, 'full', '0.log'), { force: true });
    symlinkSync('/dev/full', join(bed.logs, 'full', '0.log'));
    const script = 'i=0; while [ $i -lt 20000 ]; do echo a line of text; i=$((i+1)); done; exit 6';
    const id = await bed.started(await bed.sandbox(), ['sh', '-c', script], { name: 'full' });
    await until(async () => (await bed.runtime.containerStatus(id))?.exitCode === 6, { what: 'its end' });
  });

  it('is reaped with hundreds of zombies', async () => {
    const script =
      'for (let i = 0; i < 300; i++) require("child_process").spawn("sh", ["-c", "sleep 0 & exec true"], {stdio: "ignore"}); setTimeout(() => process.exit(8), 1500)';
    const id = await bed.started(await bed.sandbox(), ['node', '-e', script]);
    expect(await bed.result(id)).toMatchObject({ exitCode: 8 });
    await nothingLeft();
  }, 20_000);

  it('dies of SIGKILL to its process from outside, as 137', async () => {
    const id = await bed.started(await bed.sandbox(), ['sleep', '60']);
    process.kill(identity(id, 'created').pid, 'SIGKILL');
    expect(await bed.result(id)).toMatchObject({ exitCode: 137, signal: 9, reason: 'Error' });
  });
});
