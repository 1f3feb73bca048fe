/** How containers end, start one after another, and what they run, on a real node. */
import { describe, expect, it } from '@jest/globals';
import { probeImage } from '../images/probe-server/build.ts';
import { http, idle, once, sh, steady } from './support/real/containers.ts';
import { mounts } from './support/real/keyed-volumes.ts';
import type { Shown } from './support/real/real-pod.ts';
import { realNode } from './support/real/real-node.ts';

const node = realNode();
const printer = (more: object): object => ({ name: 'c', image: probeImage, ...more });

describe('node: restart policies and termination messages', () => {
  // Fails once, then goes on or ends well.
  const volume = mounts({ v: { emptyDir: {} } });
  const second = (then: string): object => sh(`[ -e /v/f ] && { ${then}; }; touch /v/f; exit 1`, volume);
  const always = node.pod('always', steady(second('exec sleep 3600'), volume));
  const onFailure = node.pod('on-failure', { ...once(second('exit 0'), volume), restartPolicy: 'OnFailure' });
  const never = node.pod('never', once(sh('exit 1')));
  const message = (name: string, script: string, more: object = {}) =>
    node.pod(`message-${name}`, once(sh(script, more)));
  const errorLogs = { terminationMessagePolicy: 'FallbackToLogsOnError' };
  const fromFile = message('file', 'echo -n DONE > /dev/termination-log', errorLogs);
  const fromLogs = message('logs', 'echo -n DONE; exit 1', errorLogs);
  const empty = message('empty', 'echo DONE', errorLogs);
  const custom = message('custom', 'echo -n DONE > /dev/custom-log', {
    terminationMessagePath: '/dev/custom-log',
    securityContext: { runAsUser: 1000 },
  });
  const long = message('long', 'for i in $(seq 1 2000); do echo 1234567 >> /dev/termination-log; done');
  const terminated = async (pod: typeof never): Promise<Shown> =>
    (await pod.container('to end', ({ state }) => state.terminated)).state.terminated;

  it('phases, restarts and states are those of the policies Always, OnFailure and Never', async () => {
    const running = await always.container(
      'to run again',
      ({ restartCount, state }) => restartCount === 1 && state.running,
    );
    expect(running).toMatchObject({ ready: true, lastState: { terminated: { exitCode: 1, reason: 'Error' } } });
    expect(always.now.status.phase).toBe('Running');
    const done = await onFailure.untilPhase('Succeeded');
    expect(done.status.containerStatuses[0]).toMatchObject({
      restartCount: 1,
      ready: false,
      state: { terminated: { exitCode: 0, reason: 'Completed' } },
    });
    const failed = await never.untilPhase('Failed');
    expect(failed.status.containerStatuses[0]).toMatchObject({
      restartCount: 0,
      ready: false,
      state: { terminated: { exitCode: 1, reason: 'Error' } },
    });
  });
  it('the message is that of the file, though the policy would take logs', async () => {
    expect(await terminated(fromFile)).toMatchObject({ exitCode: 0, message: 'DONE' });
  });
  it('the message is the end of the log of a container that failed', async () => {
    expect((await terminated(fromLogs)).message.trimEnd()).toBe('DONE');
  });
  it('there is no message of a container that ended well and wrote none', async () => {
    expect((await terminated(empty)).message).toBeUndefined();
  });
  it('the message comes from a path of its own, written by a user that is not root', async () => {
    expect(await terminated(custom)).toMatchObject({ exitCode: 0, message: 'DONE' });
  });
  it('a message has 4096 bytes at most', async () => {
    expect((await terminated(long)).message).toHaveLength(4096);
  });
});

describe('node: command and arguments', () => {
  const plain = node.pod('args-image', once(printer({})));
  const args = node.pod('args-args', once(printer({ args: ['my', 'own args'] })));
  const command = node.pod('args-command', once(printer({ command: ['/bin/probe-server', 'args', 'my'] })));
  const both = node.pod('args-both', once(printer({ command: ['/bin/probe-server'], args: ['args', 'both'] })));

  it('are those of the image where the pod names none', async () => {
    expect(await plain.output()).toBe('[of the image]\n[default]\n');
  });
  it('arguments alone follow the entry point of the image', async () => {
    expect(await args.output()).toBe('[my]\n[own args]\n');
  });
  it('a command alone drops the arguments of the image', async () => {
    expect(await command.output()).toBe('[my]\n');
  });
  it('both take the place of both', async () => {
    expect(await both.output()).toBe('[both]\n');
  });
});

describe('node: init containers', () => {
  const volume = mounts({ v: { emptyDir: {} } });
  const step = (name: string, text: string): object => sh(`echo ${text} >> /v/f`, { ...volume, name });
  const initContainers = [step('first', 'one'), step('second', 'two')];
  const never = node.pod('init-never', once(sh('cat /v/f', volume), { ...volume, initContainers }));
  const always = node.pod(
    'init-always',
    steady(sh('cat /v/f; exec sleep 3600', volume), { ...volume, initContainers }),
  );
  const bad = sh('exit 1', { name: 'bad' });
  const after = sh('exit 0', { name: 'after' });
  const loop = node.pod('init-loop', steady(idle(), { initContainers: [bad, after] }));
  const fail = node.pod('init-fail', once(sh('exit 0'), { initContainers: [bad, after] }));
  const sidecar = node.pod(
    'sidecar',
    once(sh('cat /v/f; sleep 1', volume), {
      ...volume,
      initContainers: [
        sh("trap 'echo ending; exit 0' TERM; echo of the sidecar > /v/f; sleep 3600 & wait", {
          ...volume,
          name: 'side',
          restartPolicy: 'Always',
          startupProbe: { exec: { command: ['test', '-e', '/v/f'] }, periodSeconds: 1 },
        }),
      ],
    }),
  );
  const initialized = (pod: Shown): Shown => pod.status.conditions.find(({ type }: Shown) => type === 'Initialized');

  it('run in order before the containers of a pod that is not restarted', async () => {
    expect(await never.output()).toBe('one\ntwo\n');
    expect(initialized(never.now)).toMatchObject({ status: 'True', reason: 'PodCompleted' });
    const ended = never.now.status.initContainerStatuses;
    expect(ended.map(({ name, ready, state }: Shown) => [name, ready, state.terminated.exitCode])).toEqual([
      ['first', true, 0],
      ['second', true, 0],
    ]);
  });
  it('run in order before the containers of a pod that is restarted', async () => {
    expect(initialized(await always.ready())).toMatchObject({ status: 'True' });
    expect(await always.untilLogs(/two/)).toBe('one\ntwo\n');
  });
  it('that fail are tried again, and the containers wait, where the pod is restarted', async () => {
    await loop.container('tried again', ({ restartCount }) => restartCount > 0, 'bad');
    const { status } = loop.now;
    expect(status.phase).toBe('Pending');
    expect(initialized(loop.now)).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [bad after]',
    });
    expect(status.containerStatuses[0]).toMatchObject({
      started: false,
      state: { waiting: { reason: 'PodInitializing' } },
    });
    expect(status.initContainerStatuses[1].state.waiting).toEqual({ reason: 'PodInitializing' });
  });
  it('that fail let the pod fail where it is not restarted', async () => {
    const { status } = await fail.untilPhase('Failed');
    expect(initialized(fail.now)).toMatchObject({ status: 'False', reason: 'ContainersNotInitialized' });
    expect(status.containerStatuses[0].state).toMatchObject({ waiting: { reason: 'PodInitializing' } });
    expect(status.initContainerStatuses[0].state.terminated).toMatchObject({ exitCode: 1 });
  });
  it('that go on as sidecars are there before the containers, and end after them', async () => {
    expect(await sidecar.output()).toBe('of the sidecar\n');
    const [side] = sidecar.now.status.initContainerStatuses;
    expect(side.state.terminated).toMatchObject({ exitCode: 0 });
    expect(await sidecar.logs('side')).toBe('ending\n');
  });
});

describe('node: ephemeral containers', () => {
  const pod = node.pod('debugged', steady(http(), { shareProcessNamespace: true }));
  const add = (name: string, script: string) =>
    pod.patch({ spec: { ephemeralContainers: [sh(script, { name, stdin: true })] } }, '/ephemeralcontainers');

  it('are added to a running pod, and once more beside the first', async () => {
    const before = await pod.ready();
    await add('first', 'echo first; ps | grep -c [p]robe-server; exec sleep 3600');
    await pod.container('to run', ({ state }) => state.running, 'first');
    expect(await pod.untilLogs(/1\n/, 'first')).toBe('first\n1\n');
    await add('second', 'wget -q -O - http://127.0.0.1:8080/hostname; echo');
    await pod.container('to end', ({ state }) => state.terminated, 'second');
    expect(await pod.logs('second')).toBe('debugged\n');
    expect(pod.now.status.containerStatuses[0].containerID).toBe(before.status.containerStatuses[0].containerID);
  });
  it('take commands', async () => {
    await pod.container('to run', ({ state }) => state.running, 'first');
    expect(await pod.exec('echo within', 'first')).toBe('within\n');
  });
});
