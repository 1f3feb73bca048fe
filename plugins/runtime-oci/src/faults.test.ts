import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { mountOpenFile } from '@timonel/sdk/linux';
import { sandboxConfig } from '@timonel/testkit/contracts/runtime';
import { until } from '@timonel/testkit';
import type { OciKind } from './host.ts';
import { Bed } from './testing/bed.ts';
import { leftovers } from './testing/leftovers.ts';
import { openRuntime } from './testing/open-runtime.ts';

const env = createRealEnv();

describe.each<OciKind>(['crun', 'runc'])('faults of %s containers', (kind) => {
  let bed: Bed;
  beforeAll(async () => {
    bed = new Bed(kind, env);
    await bed.open();
  });
  afterEach(() => bed.removeAll(), 30_000);
  afterAll(async () => expect(await bed.close()).toEqual([]), 30_000);

  const fileOf = (id: string, name: string): string => join(bed.dataDir, 'containers', id, name);
  const pidIn = (id: string, name: string): number => Number(readFileSync(fileOf(id, name), 'utf8'));

  it('end with their conmon, and say so', async () => {
    const id = await bed.started(await bed.sandbox(), ['sh', '-c', 'trap "" HUP TERM; while :; do sleep 0.05; done']);
    process.kill(pidIn(id, 'conmon.pid'), 'SIGKILL');
    const result = await bed.result(id);
    expect(result).toMatchObject({ exitCode: 137, reason: 'Error' });
    expect(result.message).toBe('the monitor process of the container was killed, and the container ended with it');
  });

  // A step, and whether whoever takes it (the agent; conmon for `create`) is killed before or after it.
  const steps = [
    ['run', 'before', []],
    ['run', 'after', []],
    ['create', 'before', ['exited']],
    ['create', 'after', ['exited']],
    ['start', 'before', ['created']],
    ['start', 'after', ['running']],
    ['delete', 'before', ['exited']],
    ['delete', 'after', ['exited']],
  ] as const;
  it.each(kind === 'crun' ? steps : steps.slice(4, 6))(
    'are repaired when %s is cut off %s it, and go away',
    async (verb, when, states) => {
      const program = join(bed.dataDir, 'cuts');
      writeFileSync(program, cutScript(kind, verb, when), { mode: 0o755 });
      bed.runtime.close();
      await life([kind, bed.dataDir, program, bed.image.layer]);
      await bed.open();
      const found = (await bed.runtime.listContainers()).map(({ state }) => state);
      if (verb !== 'create') expect(found).toEqual(states);
      if (found[0] === 'created') await bed.runtime.startContainer('c');
      await bed.removeAll();
      expect(leftovers(bed.dataDir)).toEqual([]);
    },
    20_000,
  );

  it.each([
    ['run', 'FailedCreatePodSandBox'],
    ['create', 'StartError'],
    ['start', 'StartError'],
  ])('are not made when the OCI runtime itself is killed at %s, and the pod hears of it', async (verb, reason) => {
    const program = join(bed.dataDir, 'dies');
    // Some of its work is done by then.
    const script = `#!/bin/sh\ncase " $* " in *" ${verb} "*) ${kind} "$@" & kill -9 $! $$;; esac\nexec ${kind} "$@"\n`;
    writeFileSync(program, script, { mode: 0o755 });
    bed.runtime.close();
    bed.runtime = await openRuntime(kind, bed.dataDir, env, { program });
    const made = bed.sandbox().then((sandbox) => bed.started(sandbox, ['sleep', '60']));
    await expect(made).rejects.toMatchObject({ name: 'RuntimeError', reason });
    await bed.removeAll();
    await until(() => leftovers(bed.dataDir).length === 0, { what: 'nothing to be left' });
    await bed.restart();
  });

  // In the rest the OCI runtime has no part, or both do alike.
  if (kind === 'runc') return;

  it('end with their conmon also when both die while nobody looks', async () => {
    const id = await bed.started(await bed.sandbox(), ['sleep', '60']);
    bed.runtime.close();
    process.kill(pidIn(id, 'conmon.pid'), 'SIGKILL');
    process.kill(pidIn(id, 'init.pid'), 'SIGKILL');
    await bed.open();
    expect(await bed.result(id)).toMatchObject({ exitCode: 137, reason: 'Error' });
  });

  it('are no longer ready when the process dies that holds their namespaces, and go away all the same', async () => {
    const sandbox = await bed.sandbox();
    const id = await bed.started(sandbox, ['sleep', '60']);
    process.kill(Number(readFileSync(join(bed.dataDir, 'sandboxes', sandbox, 'pause.pid'), 'utf8')), 'SIGKILL');
    const state = async (): Promise<string | undefined> => (await bed.runtime.listSandboxes())[0]?.state;
    await until(async () => (await state()) === 'notready', { what: 'the sandbox to be not ready' });
    expect((await bed.runtime.listSandboxes())[0]?.networkNamespace).toBeUndefined();
    const config = bed.container(sandbox, ['true']);
    await expect(bed.runtime.createContainer(config)).rejects.toMatchObject({ reason: 'CreateContainerError' });
    expect((await bed.runtime.containerStatus(id))?.state).toBe('running');
  });

  it('leave nothing of what was half-made: directories of any content', async () => {
    const sandbox = await bed.sandbox();
    bed.runtime.close();
    for (const [id, files] of Object.entries({
      h1: {},
      h2: { 'container.json': '{"config":{"id"' },
      h3: { 'conmon.pid': '1' },
    })) {
      mkdirSync(join(bed.dataDir, 'containers', id, 'rootfs'), { recursive: true });
      for (const [name, text] of Object.entries(files)) writeFileSync(fileOf(id, name), text);
    }
    const part = join(bed.dataDir, 'part-of-a-volume');
    mkdirSync(part);
    writeFileSync(join(part, 'kept'), 'kept');
    const fd = openSync(part, 'r');
    await mountOpenFile(`/proc/${process.pid}/fd/${fd}`, fileOf('h1', 'mount-0'));
    closeSync(fd);
    mkdirSync(join(bed.dataDir, 'sandboxes', 'h4', 'shm'), { recursive: true });
    writeFileSync(join(bed.dataDir, 'exits', 'h5'), '3');
    await bed.open();
    expect(readdirSync(join(bed.dataDir, 'containers'))).toEqual([]);
    expect(readdirSync(join(bed.dataDir, 'sandboxes'))).toEqual([sandbox]);
    expect(readdirSync(join(bed.dataDir, 'exits'))).toEqual([]);
    expect(await bed.runtime.listContainers()).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(part);
    expect(readFileSync(join(part, 'kept'), 'utf8')).toBe('kept');
    rmSync(part, { recursive: true });
  });

  it('leave nothing of what cannot be made', async () => {
    const sandbox = await bed.sandbox();
    const { image } = bed.image;
    const gone = { ...image, layers: [join(bed.dataDir, 'no-layer')] };
    const file = { ...image, layers: [join(bed.image.layer, 'etc/passwd')] };
    for (const [changes, text] of [
      [{ image: gone }, 'is not on this node'],
      [{ image: file }, 'is not on this node'],
      [{ command: [] }, 'no command is given'],
      [{ workingDir: 'relative' }, 'is not absolute'],
      [{ command: ['a\0b'] }, 'NUL'],
      [{ terminationMessagePath: '../x' }, 'is not absolute'],
      [{ resources: { memoryLimitBytes: 1 } }, ''],
    ] as const) {
      const config = { ...bed.container(sandbox, ['true']), ...changes };
      const made = bed.runtime.createContainer(config).then(() => bed.runtime.startContainer(config.id));
      await expect(made).rejects.toThrow(text);
      await bed.runtime.removeContainer(config.id);
    }
    expect(readdirSync(join(bed.dataDir, 'containers'))).toEqual([]);
    const limits = bed.container(sandbox, ['true'], { resourceLimits: [{ type: 'flying', soft: 1, hard: 1 }] });
    await bed.runtime.createContainer(limits);
    await expect(bed.runtime.startContainer(limits.id)).rejects.toMatchObject({ reason: 'StartError' });
  });

  it('survive whoever made them: a hundred lines of log after a restart are all there', async () => {
    const id = await bed.started(await bed.sandbox(), [
      'sh',
      '-c',
      'i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo $i; sleep 0.001; done',
    ]);
    await bed.restart();
    expect((await bed.result(id)).stdout.split('\n')).toEqual(
      Array.from({ length: 100 }, (_, index) => String(index + 1)),
    );
  });
});

it('without its programs a runtime says which package is missing, keeps what it knows and makes nothing', async () => {
  const bed = new Bed('crun', env);
  await bed.open();
  const sandbox = await bed.sandbox();
  bed.runtime.close();
  const bare = await openRuntime('crun', bed.dataDir, env, { monitor: 'no-such-conmon' });
  const reason = 'no-such-conmon is not installed on this node: install it (Debian: apt install conmon)';
  expect(await bare.info()).toMatchObject({ ready: false, reason });
  expect((await bare.listSandboxes())[0]).toMatchObject({ id: sandbox, state: 'ready' });
  const attempt = bare.runSandbox(sandboxConfig('x', bed.logs));
  await expect(attempt).rejects.toMatchObject({
    name: 'RuntimeError',
    reason: 'FailedCreatePodSandBox',
    message: reason,
  });
  bare.close();
  await bed.open();
  expect(await bed.close()).toEqual([]);
});

/** The OCI runtime, but its caller is killed at one step. */
function cutScript(kind: OciKind, verb: string, when: 'before' | 'after'): string {
  const real = when === 'before' ? '' : `${kind} "$@"; `;
  return `#!/bin/sh\ncase " $* " in *" ${verb} "*) ${real}kill -9 $PPID; exit 1;; esac\nexec ${kind} "$@"\n`;
}

/** Until its end, however it comes. */
function life(args: readonly string[]): Promise<void> {
  const words = ['--conditions', 'timonel-source', '--import', 'tsx', join(import.meta.dirname, 'testing', 'life.ts')];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...words, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let text = '';
    child.stderr.on('data', (chunk) => (text += String(chunk)));
    child.once('close', (code) => {
      // Killed, or told by the runtime that a step failed: else the program itself is wrong.
      if (code === null || text.includes('RuntimeError') || code === 0) resolve();
      else reject(new Error(text));
    });
  });
}
