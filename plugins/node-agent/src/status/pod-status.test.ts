import { describe, expect, it } from '@jest/globals';
import { container, exited, memoryWith, noon, podWith, running, sandbox, viewOf } from '../plan/testing.ts';
import { emptyMemory, type PodView } from '../plan/view.ts';
import { podStatus } from './pod-status.ts';

function summary(view: PodView, now = noon): string {
  const status = podStatus(view, '192.0.2.1', now);
  const states = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])].map(
    ({ state, restartCount }) => `${state.waiting?.reason ?? state.terminated?.reason ?? 'Running'}/${restartCount}`,
  );
  const conditions = ['PodReadyToStartContainers', 'Initialized', 'ContainersReady', 'Ready'].map(
    (type) => status.conditions?.find((condition) => condition.type === type)?.status[0],
  );
  return `${status.phase} [${states.join(' ')}] ${conditions.join('')}`;
}

const failed = (reason: string) => ({
  starts: new Map([['app', { reason, message: 'm', failedAt: noon, retryAt: noon + 10_000, delayMs: 10_000 }]]),
});
const init = { initContainers: [container('one')] };
const never = { restartPolicy: 'Never' };
const loop = { restarts: new Map([['app', { delayMs: 20_000, updatedAt: noon - 100 }]]) };

const pastDeadline = (phase?: 'Running'): ReturnType<typeof podWith> => ({
  ...podWith({ activeDeadlineSeconds: 10 }),
  status: { startTime: '2026-03-05T11:00:00Z', ...(phase && { phase }) },
});

describe('pod status', () => {
  const rows: [name: string, view: PodView, expected: string, afterMs?: number][] = [
    [
      'lost with its machine, and not to run again, after its init container',
      viewOf({
        pod: podWith({ ...init, ...never }),
        sandboxes: [],
        memory: memoryWith({
          finished: new Map([
            ['one', exited('one', 0)],
            ['app', exited('app', 137)],
          ]),
        }),
      }),
      'Failed [PodInitializing/0 Error/0] FTFF',
    ],
    ['nothing yet', viewOf({ sandboxes: [], memory: emptyMemory() }), 'Pending [ContainerCreating/0] FTFF'],
    ['sandbox and network', viewOf(), 'Pending [ContainerCreating/0] TTFF'],
    ['running', viewOf({ containers: [running('app')] }), 'Running [Running/0] TTTT'],
    [
      'running, and the agent was just restarted',
      viewOf({ containers: [running('app')], memory: emptyMemory() }),
      'Running [Running/0] TTTT',
    ],
    ['init waits', viewOf({ pod: podWith(init) }), 'Pending [PodInitializing/0 PodInitializing/0] TFFF'],
    [
      'init runs',
      viewOf({ pod: podWith(init), containers: [running('one')] }),
      'Pending [Running/0 PodInitializing/0] TFFF',
    ],
    [
      'init done',
      viewOf({ pod: podWith(init), containers: [exited('one', 0)] }),
      'Pending [Completed/0 PodInitializing/0] TTFF',
    ],
    [
      'init failed for good',
      viewOf({ pod: podWith({ ...init, ...never }), containers: [exited('one', 1)] }),
      'Failed [Error/0 PodInitializing/0] TFFF',
    ],
    ['pull failed', viewOf({ memory: memoryWith(failed('ErrImagePull')) }), 'Pending [ErrImagePull/0] TTFF'],
    ['pull waits', viewOf({ memory: memoryWith(failed('ErrImagePull')) }), 'Pending [ImagePullBackOff/0] TTFF', 3000],
    [
      'config',
      viewOf({ memory: memoryWith(failed('CreateContainerConfigError')) }),
      'Pending [CreateContainerConfigError/0] TTFF',
    ],
    [
      'crash loop',
      viewOf({ containers: [exited('app', 1, 2)], memory: memoryWith(loop) }),
      'Running [CrashLoopBackOff/2] TTFF',
    ],
    [
      'past its deadline while it still runs',
      viewOf({ pod: pastDeadline('Running'), containers: [running('app')] }),
      'Running [Running/0] TTTT',
    ],
    [
      'past its deadline before it was reported as running',
      viewOf({ pod: pastDeadline(), containers: [running('app')] }),
      'Pending [Running/0] TTTT',
    ],
    [
      'past its deadline, ended',
      viewOf({ pod: pastDeadline('Running'), containers: [exited('app', 137)] }),
      'Failed [Error/0] TTFF',
    ],
    ['succeeded', viewOf({ pod: podWith(never), containers: [exited('app', 0)] }), 'Succeeded [Completed/0] TTFF'],
    ['failed', viewOf({ pod: podWith(never), containers: [exited('app', 3)] }), 'Failed [Error/0] TTFF'],
    [
      'out of memory',
      viewOf({ pod: podWith(never), containers: [exited('app', 137, 0, { reason: 'OOMKilled' })] }),
      'Failed [OOMKilled/0] TTFF',
    ],
    [
      'deleted: ended by the deletion',
      viewOf({ pod: podWith({}, { deletionTimestamp: '2026-03-05T12:00:00Z' }), containers: [exited('app', 143)] }),
      'Failed [Error/0] TTFF',
    ],
    [
      'sandbox lost',
      viewOf({ sandboxes: [sandbox({ state: 'notready' })], containers: [exited('app', 137)] }),
      'Running [Error/0] FTFF',
    ],
    [
      'not ready by its probe',
      viewOf({
        containers: [running('app')],
        memory: memoryWith({ verdicts: new Map([['app-0', { ready: false, started: true, unhealthy: undefined }]]) }),
      }),
      'Running [Running/0] TTFF',
    ],
  ];
  it.each(rows)('%s', (_name, view, expected, afterMs = 0) => {
    expect(summary(view, noon + afterMs)).toBe(expected);
  });

  it('keeps the last state of a restarted container, and words the crash loop as the kubelet', () => {
    const restarted = viewOf({ containers: [exited('app', 7, 0), running('app', 1)] });
    expect(podStatus(restarted, '192.0.2.1', noon).containerStatuses?.[0]).toMatchObject({
      state: { running: { startedAt: '2026-03-05T12:00:00Z' } },
      lastState: { terminated: { exitCode: 7, reason: 'Error' } },
      restartCount: 1,
      ready: true,
    });
    const waits = viewOf({ containers: [exited('app', 7, 2)], memory: memoryWith(loop) });
    expect(podStatus(waits, '192.0.2.1', noon).containerStatuses?.[0]).toMatchObject({
      state: {
        waiting: {
          reason: 'CrashLoopBackOff',
          message: 'back-off 20s restarting failed container=app pod=web_default(uid-1)',
        },
      },
      lastState: { terminated: { exitCode: 7 } },
    });
  });

  it('keeps times of unchanged conditions and the conditions of others', () => {
    const first = podStatus(viewOf({ containers: [running('app')] }), '192.0.2.1', noon);
    const other = { type: 'example.com/gate', status: 'True' as const };
    const pod = { ...podWith(), status: { ...first, conditions: [...(first.conditions ?? []), other] } };
    const second = podStatus(viewOf({ pod, containers: [running('app')] }), '192.0.2.1', noon + 60_000);
    expect(second).toEqual(pod.status);
  });

  it('has the addresses of both families of its node, which a pod in the network of the node shares', () => {
    const { hostIP, hostIPs } = podStatus(viewOf({}), '192.0.2.1', noon, 'fd00::1');
    expect({ hostIP, hostIPs }).toEqual({ hostIP: '192.0.2.1', hostIPs: [{ ip: '192.0.2.1' }, { ip: 'fd00::1' }] });
    const view = viewOf({ pod: podWith({ hostNetwork: true }), sandboxes: [sandbox({})] });
    expect(podStatus(view, '192.0.2.1', noon, 'fd00::1').podIPs).toEqual([{ ip: '192.0.2.1' }, { ip: 'fd00::1' }]);
  });
});
