import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { ContainerStatus, ExecSession, RuntimeEvent } from '@timonel/sdk/contracts/runtime';
import { until } from '@timonel/testkit';
import { withBed } from './testing/with-bed.ts';

const bed = withBed();

const alive = (pid: number | undefined): boolean => {
  try {
    return process.kill(pid ?? 0, 0);
  } catch {
    return false;
  }
};
const ready = async (): Promise<boolean> => (await bed().runtime.info()).ready;
const stateOf = async (id: string): Promise<string | undefined> => (await bed().runtime.containerStatus(id))?.state;

async function exitedStatus(id: string): Promise<ContainerStatus> {
  const ended = async (): Promise<ContainerStatus | undefined> => {
    const status = await bed().runtime.containerStatus(id);
    return status?.state === 'exited' ? status : undefined;
  };
  return await until(ended, { what: `container ${id} to end`, timeoutMs: 10_000 });
}

function collect(session: ExecSession): { text: string } {
  const all = { text: '' };
  session.stdout.on('data', (chunk) => (all.text += String(chunk)));
  session.stderr?.resume();
  return all;
}

describe('when containerd is killed', () => {
  it('the runtime says so, containers and their sessions go on, and all is known again when it is back', async () => {
    const script = 'n=0; trap "exit 7" TERM; while :; do n=$((n+1)); echo "line $n"; sleep 0.05; done';
    const sandbox = await bed().sandbox();
    const id = await bed().started(sandbox, ['sh', '-c', script]);
    const before = await bed().runtime.containerStatus(id);
    const events: RuntimeEvent[] = [];
    const forget = bed().runtime.onEvent((event) => events.push(event));
    const session = await bed().runtime.exec(id, { command: ['cat'], tty: false, stdin: true });
    const output = collect(session);
    await bed().containerd.kill();
    const info = await bed().runtime.info();
    expect(info).toMatchObject({ ready: false, reason: expect.stringContaining('containerd does not answer at') });
    await expect(bed().runtime.listContainers()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const refused = { name: 'RuntimeError', message: expect.stringContaining('is it running?') };
    await expect(bed().sandbox()).rejects.toMatchObject({ ...refused, reason: 'FailedCreatePodSandBox' });
    expect(alive(before?.pid)).toBe(true);
    session.stdin?.write('still there');
    await until(() => output.text === 'still there', { what: 'the session to go on' });
    await bed().containerd.start();
    await until(ready, { what: 'the runtime to be ready again', timeoutMs: 10_000 });
    expect(await bed().runtime.containerStatus(id)).toEqual(before);
    session.stdin?.end();
    expect(await session.exited).toBe(0);
    const lines = (): string[] =>
      bed()
        .logText(before as ContainerStatus)
        .trimEnd()
        .split('\n');
    const seen = lines().length;
    await until(() => lines().length > seen + 2, { what: 'the log to go on' });
    expect(lines()).toEqual(lines().map((_line, index) => `line ${index + 1}`));
    await bed().runtime.stopContainer(id, 5000);
    expect(await bed().runtime.containerStatus(id)).toMatchObject({ exitCode: 7, reason: 'Error' });
    expect(events).toContainEqual({
      type: 'container-exited',
      sandboxId: sandbox,
      containerId: id,
      podUid: `uid-${sandbox}`,
    });
    forget();
  }, 30_000);

  it('what ended meanwhile is told when it is back', async () => {
    const sandbox = await bed().sandbox();
    const id = await bed().started(sandbox, ['sh', '-c', 'sleep 0.5; exit 5']);
    const { pid } = (await bed().runtime.containerStatus(id)) ?? {};
    const events: string[] = [];
    const forget = bed().runtime.onEvent((event) => events.push(`${event.type} ${event.containerId}`));
    await bed().containerd.kill();
    await until(() => !alive(pid), { what: 'the container to end' });
    await bed().containerd.start();
    await until(() => events.includes(`container-exited ${id}`), { what: 'the end to be told', timeoutMs: 10_000 });
    expect(await exitedStatus(id)).toMatchObject({ exitCode: 5 });
    forget();
  }, 30_000);

  it.each(['runSandbox', 'createContainer', 'startContainer', 'stopContainer', 'removeSandbox'] as const)(
    'in the middle of %s, it can be repeated or removed, and nothing is left',
    async (step) => {
      const { runtime, containerd } = bed();
      const sandbox = step === 'runSandbox' ? '' : await bed().sandbox();
      const config = bed().container(sandbox, ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done']);
      if (['startContainer', 'stopContainer', 'removeSandbox'].includes(step)) await runtime.createContainer(config);
      if (['stopContainer', 'removeSandbox'].includes(step)) await runtime.startContainer(config.id);
      const work = {
        runSandbox: () => bed().sandbox(),
        createContainer: () => runtime.createContainer(config),
        startContainer: () => runtime.startContainer(config.id),
        stopContainer: () => runtime.stopContainer(config.id, 0),
        removeSandbox: () => runtime.removeSandbox(sandbox),
      }[step];
      const outcome = work().then(
        () => 'done',
        (error: unknown) => String(error),
      );
      // At another moment of it each time; whichever it is, what follows holds.
      await bed().env.timers.sleep(bed().env.random.int(60));
      await containerd.kill();
      await outcome;
      await containerd.start();
      await until(ready, { what: 'the runtime to be ready again', timeoutMs: 10_000 });
      await until(
        () =>
          bed()
            .removeAll()
            .then(
              () => true,
              () => false,
            ),
        { what: 'all to be removed', timeoutMs: 20_000 },
      );
      await runtime.tidy();
      expect(await runtime.listContainers()).toEqual([]);
      const again = await bed().run('exit 4', {}, await bed().sandbox());
      expect(again.exitCode).toBe(4);
      await bed().removeAll();
      // containerd 1.6 forgets shims, bundles and network namespaces that it was about to make or to remove.
      const ofContainerd = /^(shim|bundle) |netns/;
      const ours = (): string[] =>
        bed()
          .leftovers()
          .filter((each) => !ofContainerd.test(each));
      await until(() => ours().length === 0, { what: 'nothing to be left' }).catch(() => undefined);
      expect(ours()).toEqual([]);
      for (const kind of ['containers', 'tasks']) expect(containerd.ctr(kind, 'ls', '-q')).toBe('');
      await containerd.endStrays();
      expect(bed().leftovers()).toEqual([]);
    },
    60_000,
  );
});

it('says that containerd hangs, in bounded time, and goes on when it does', async () => {
  const id = await bed().started(await bed().sandbox(), ['sleep', '1000']);
  await bed().containerd.pause();
  try {
    const info = await bed().runtime.info();
    expect(info).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/^containerd did not answer \w+ within 5 s$/),
    });
  } finally {
    bed().containerd.resume();
  }
  expect(await ready()).toBe(true);
  expect(await stateOf(id)).toBe('running');
}, 20_000);

it('drops who is attached and does not read, so that the container and its log go on', async () => {
  const script =
    'read -r line; n=0; while [ $n -lt 40000 ]; do n=$((n+1)); echo "$n 0123456789012345678901234567890123456789012345678901234567890123456789"; done; exit 3';
  const id = await bed().started(await bed().sandbox(), ['sh', '-c', script], { stdin: true });
  const session = await bed().runtime.attach(id, { stdin: true });
  session.stderr?.resume();
  session.stdin?.write('go\n');
  expect(await session.exited).toBe(1);
  const status = await exitedStatus(id);
  expect(status.exitCode).toBe(3);
  // The last of it is written a moment after the end is known.
  const lines = (): number => readFileSync(status.logPath, 'utf8').trimEnd().split('\n').length;
  await until(() => lines() === 40_000, { what: 'the log to be complete' });
}, 30_000);

it('says which lines of the configuration are missing', async () => {
  await bed().containerd.kill('SIGTERM');
  await bed().containerd.start({ cni: { bin: '/elsewhere', conf: `${bed().dataDir}/cni/conf` } });
  const info = await bed().runtime.info();
  expect(info.ready).toBe(false);
  expect(info.reason).toContain(
    `put bin_dir = "${bed().dataDir}/cni/bin" below [plugins."io.containerd.grpc.v1.cri".cni]`,
  );
  expect(info.reason).not.toContain('conf_dir');
  await bed().containerd.kill('SIGTERM');
  await bed().containerd.start();
  await until(ready, { what: 'the runtime to be ready', timeoutMs: 10_000 });
}, 30_000);

it('leaves no mount, namespace, process, control group or file of 30 containers', async () => {
  const pods = Array.from({ length: 6 }, async () => {
    const sandbox = await bed().sandbox();
    const scripts = ['exit 0', 'exit 1', 'sleep 1000', 'sleep 1000', 'kill -9 $$'];
    await Promise.all(scripts.map((script) => bed().started(sandbox, ['sh', '-c', script])));
  });
  await Promise.all(pods);
  expect((await bed().runtime.listContainers()).length).toBe(30);
  expect(bed().leftovers().length).toBeGreaterThan(12);
  const sandboxes = await bed().runtime.listSandboxes();
  await Promise.all(sandboxes.map(({ id }) => bed().runtime.removeSandbox(id)));
  await until(() => bed().leftovers().length === 0, { what: 'nothing to be left' }).catch(() => undefined);
  expect(bed().leftovers()).toEqual([]);
  expect(bed().records()).toEqual([]);
}, 60_000);
