import { describe, expect, it } from '@jest/globals';
import { restartAllowedAt, afterRestart } from './back-off.ts';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { ContainerStateStatus, PodContainerStatus } from '@timonel/sdk/kube';
import { plan } from './plan.ts';
import { recallLost } from './recall.ts';
import { container, exited, memoryWith, noon, podWith, running, sandbox, viewOf } from './testing.ts';
import { emptyMemory, type PodView } from './view.ts';

interface Row {
  readonly name: string;
  readonly view: PodView;
  /** Shortened: type and what it is about. */
  readonly actions: readonly string[];
  readonly wakeInMs?: number;
}

function shortened(view: PodView, now = noon): { actions: string[]; wakeInMs?: number } {
  const { actions, wakeAt } = plan(view, now);
  const texts = actions.map((action) => {
    if (action.type === 'start-container') return `start ${action.container} #${action.attempt}`;
    if (action.type === 'stop-container') return `stop ${action.containerId} ${action.gracePeriodMs}`;
    if (action.type === 'create-sandbox') return `create-sandbox #${action.attempt}`;
    if ('containerId' in action) return `${action.type} ${action.containerId}`;
    return 'sandboxId' in action ? `${action.type} ${action.sandboxId}` : action.type;
  });
  return { actions: texts, ...(wakeAt === undefined ? {} : { wakeInMs: wakeAt - now }) };
}

const failure = { reason: 'ErrImagePull', message: 'absent', failedAt: noon, retryAt: noon + 10_000, delayMs: 10_000 };
const init = [container('one'), container('two')];
const deleted = { deletionTimestamp: '2026-03-05T12:00:00Z', deletionGracePeriodSeconds: 5 };
const never = { restartPolicy: 'Never' };
const onFailure = { restartPolicy: 'OnFailure' };

const rows: Row[] = [
  {
    name: 'a new pod gets a sandbox first',
    view: viewOf({ sandboxes: [], memory: emptyMemory() }),
    actions: ['create-sandbox #0'],
  },
  {
    name: 'then its network',
    view: viewOf({ memory: emptyMemory() }),
    actions: ['attach-network s0'],
  },
  {
    name: 'no network of its own with hostNetwork',
    view: viewOf({ memory: emptyMemory(), pod: podWith({ hostNetwork: true }) }),
    actions: ['start app #0'],
  },
  { name: 'then its containers', view: viewOf(), actions: ['start app #0'] },
  { name: 'a running pod is left alone', view: viewOf({ containers: [running('app')] }), actions: [] },
  {
    name: 'a failed sandbox waits',
    view: viewOf({
      sandboxes: [],
      memory: { ...emptyMemory(), sandboxFailure: { message: 'x', retryAt: noon + 1000, delayMs: 1000 } },
    }),
    actions: [],
    wakeInMs: 1000,
  },
  {
    name: 'a dead sandbox is removed before a new one',
    view: viewOf({ sandboxes: [sandbox({ state: 'notready' })], containers: [exited('app', 137)] }),
    actions: ['detach-network s0', 'remove-sandbox s0'],
  },
  {
    name: 'the new sandbox has the next number',
    view: viewOf({ sandboxes: [], memory: memoryWith({ sandboxAttempt: 3, attachment: undefined }) }),
    actions: ['create-sandbox #4'],
  },
  {
    name: 'a failed start waits, and is shown differently after a while',
    view: viewOf({ memory: memoryWith({ starts: new Map([['app', failure]]) }) }),
    actions: [],
    wakeInMs: 2000,
  },
  {
    name: 'a created container is started, not made again',
    view: viewOf({ containers: [running('app', 0, { state: 'created' })] }),
    actions: ['resume-container app-0'],
  },
  {
    name: 'Always: restarted after exit 0',
    view: viewOf({ containers: [exited('app', 0)] }),
    actions: ['start app #1'],
  },
  {
    name: 'OnFailure: not after exit 0',
    view: viewOf({ pod: podWith(onFailure), containers: [exited('app', 0)] }),
    actions: ['detach-network s0', 'stop-sandbox s0'],
  },
  {
    name: 'OnFailure: after exit 1',
    view: viewOf({ pod: podWith(onFailure), containers: [exited('app', 1)] }),
    actions: ['start app #1'],
  },
  {
    name: 'Never: not at all',
    view: viewOf({ pod: podWith(never), containers: [exited('app', 1)] }),
    actions: ['detach-network s0', 'stop-sandbox s0'],
  },
  {
    name: 'Never: the other container goes on',
    view: viewOf({
      pod: podWith({ ...never, containers: [container('app'), container('b')] }),
      containers: [exited('app', 0), running('b')],
    }),
    actions: [],
  },
  {
    name: 'a crash loop waits for its delay',
    view: viewOf({
      containers: [exited('app', 1, 1)],
      memory: memoryWith({ restarts: new Map([['app', { delayMs: 10_000, updatedAt: noon - 500 }]]) }),
    }),
    actions: [],
    wakeInMs: 10_000,
  },
  {
    name: 'only the last two tries are kept',
    view: viewOf({ containers: [exited('app', 1, 0), exited('app', 1, 1), running('app', 2)] }),
    actions: ['remove-container app-0'],
  },
  {
    name: 'the next try is counted on from one that the runtime has forgotten',
    view: viewOf({ memory: memoryWith({ finished: new Map([['app', exited('app', 1, 4)]]) }) }),
    actions: ['start app #5'],
  },
  {
    name: 'what ended for good in a former sandbox does not run again in the new one',
    view: viewOf({
      pod: podWith({ ...onFailure, containers: [container('app'), container('b')] }),
      memory: memoryWith({ finished: new Map([['app', exited('app', 0)]]) }),
    }),
    actions: ['start b #0'],
  },
  {
    name: 'init containers run one by one',
    view: viewOf({ pod: podWith({ initContainers: init }) }),
    actions: ['start one #0'],
  },
  {
    name: 'the second init container follows the first',
    view: viewOf({ pod: podWith({ initContainers: init }), containers: [exited('one', 0)] }),
    actions: ['start two #0'],
  },
  {
    name: 'the main containers follow the last',
    view: viewOf({ pod: podWith({ initContainers: init }), containers: [exited('one', 0), exited('two', 0)] }),
    actions: ['start app #0'],
  },
  {
    name: 'a failing init container runs again',
    view: viewOf({ pod: podWith({ initContainers: init }), containers: [exited('one', 1)] }),
    actions: ['start one #1'],
  },
  {
    name: 'with Never a failing init container ends the pod',
    view: viewOf({ pod: podWith({ ...never, initContainers: init }), containers: [exited('one', 1)] }),
    actions: ['detach-network s0', 'stop-sandbox s0'],
  },
  {
    name: 'a sidecar runs beside what follows',
    view: viewOf({
      pod: podWith({ initContainers: [container('side', { restartPolicy: 'Always' }), container('two')] }),
      containers: [running('side')],
    }),
    actions: ['start two #0'],
  },
  {
    name: 'init containers are not looked at once main ones exist',
    view: viewOf({ pod: podWith({ initContainers: init }), containers: [running('app')] }),
    actions: [],
  },
  {
    name: 'an unhealthy container is stopped',
    view: viewOf({
      containers: [running('app')],
      memory: memoryWith({ verdicts: new Map([['app-0', { ready: false, started: true, unhealthy: 'probe' }]]) }),
    }),
    actions: ['stop app-0 30000'],
  },
  {
    name: 'a changed image restarts the container',
    view: viewOf({ containers: [running('app', 0, { labels: { 'timonel.io/spec-image': 'img:0' } })] }),
    actions: ['stop app-0 30000'],
  },
  {
    name: 'a deleted pod: containers first, with the grace period of the deletion',
    view: viewOf({ pod: podWith({}, deleted), containers: [running('app')] }),
    actions: ['stop app-0 5000'],
  },
  {
    name: 'a stop under way is not asked for again',
    view: viewOf({
      pod: podWith({}, deleted),
      containers: [running('app')],
      memory: memoryWith({ stopping: new Map([['app-0', 5000]]) }),
    }),
    actions: [],
  },
  {
    name: 'but a shorter grace period is',
    view: viewOf({
      pod: podWith({}, { ...deleted, deletionGracePeriodSeconds: 1 }),
      containers: [running('app')],
      memory: memoryWith({ stopping: new Map([['app-0', 5000]]) }),
    }),
    actions: ['stop app-0 1000'],
  },
  {
    name: 'then the last status, the traces, the object',
    view: viewOf({ pod: podWith({}, deleted), containers: [exited('app', 0)] }),
    actions: ['report-final-status', 'detach-network s0', 'remove-sandbox s0', 'remove-pod-data', 'delete-object'],
  },
  {
    name: 'a pod that is gone from the API only loses its traces',
    view: viewOf({ gone: true, containers: [exited('app', 0)] }),
    actions: ['detach-network s0', 'remove-sandbox s0', 'remove-pod-data'],
  },
  {
    name: 'past activeDeadlineSeconds everything is stopped',
    view: viewOf({
      pod: { ...podWith({ activeDeadlineSeconds: 10 }), status: { startTime: '2026-03-05T11:59:00Z' } },
      containers: [running('app')],
    }),
    actions: ['stop app-0 30000'],
  },
  {
    name: 'before it, a timer is set',
    view: viewOf({
      pod: { ...podWith({ activeDeadlineSeconds: 70 }), status: { startTime: '2026-03-05T11:59:00Z' } },
      containers: [running('app')],
    }),
    actions: [],
    wakeInMs: 10_000,
  },
];

describe('plan', () => {
  it.each(rows)('$name', ({ view, actions, wakeInMs }) => {
    expect(shortened(view)).toEqual({ actions, ...(wakeInMs === undefined ? {} : { wakeInMs }) });
  });
});

describe('restart back-off', () => {
  it('goes 0, 10, 20, 40, 80, 160, 300, 300 seconds and begins anew after ten quiet minutes', () => {
    let entry = undefined as ReturnType<typeof afterRestart> | undefined;
    let now = noon;
    const delays: number[] = [];
    for (let restart = 0; restart < 8; restart += 1) {
      const allowedAt = restartAllowedAt(entry, now);
      delays.push((allowedAt - now) / 1000);
      entry = afterRestart(entry, now, allowedAt);
      now = allowedAt + 1000;
    }
    expect(delays).toEqual([0, 10, 20, 40, 80, 160, 300, 300]);
    expect(restartAllowedAt(entry, now + 600_001)).toBe(now + 600_001);
  });
});

describe('containers that only the API knows', () => {
  const status = (state: ContainerStateStatus, restartCount: number): PodContainerStatus => ({
    name: 'app',
    state,
    lastState: {},
    ready: true,
    restartCount,
    image: 'img:1',
    imageID: 'sha256:1',
    containerID: 'timonel://app-x',
  });
  const recall = (given: PodContainerStatus, known: ContainerStatus[] = []) =>
    recallLost({ ...podWith(), status: { containerStatuses: [given] } }, known, noon);

  it('are lost when they ran', () => {
    const [lost] = recall(status({ running: { startedAt: '2026-03-05T11:00:00Z' } }, 2));
    expect(lost).toMatchObject({
      id: 'app-x',
      attempt: 2,
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      finishedAt: noon,
    });
  });
  it('keep how they ended', () => {
    const [ended] = recall(
      status({ terminated: { exitCode: 0, reason: 'Completed', finishedAt: '2026-03-05T11:59:00Z' } }, 0),
    );
    expect(ended).toMatchObject({ attempt: 0, exitCode: 0, reason: 'Completed', finishedAt: noon - 60_000 });
  });
  it('are not recalled when the runtime knows them', () => {
    expect(recall(status({ running: {} }, 0), [running('app')])).toEqual([]);
  });
});
