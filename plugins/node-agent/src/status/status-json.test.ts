/** Statuses field by field, as the kubelet 1.35 writes them. */
import { describe, expect, it } from '@jest/globals';
import type { ContainerStatus } from '@timonel/sdk/contracts/runtime';
import type { Pod, PodStatus } from '@timonel/sdk/kube';
import { declaredUser, parseUser, userOfProcess } from '../container/process-user.ts';
import { container, exited, memoryWith, noon, podWith, running, viewOf } from '../plan/testing.ts';
import type { PodView } from '../plan/view.ts';
import { podStatus } from './pod-status.ts';

const address = '192.0.2.1';
const generation = 4;
const started = '2026-03-05T12:00:00Z';
const id = (name: string) => `timonel://${name}`;
const podOf = (spec: Partial<Pod['spec']>, metadata: Pod['metadata'] = {}): Pod =>
  podWith(spec, { generation, ...metadata });

/** Of the types in their order: True, False with reason and message, or nothing. */
type Holds = readonly (true | undefined | readonly [reason?: string, message?: string])[];
const types = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'];
const conditions = (...holds: Holds): PodStatus['conditions'] =>
  types.map((type, index) => {
    const held = holds[index];
    const [reason, message] = held === true || held === undefined ? [] : held;
    return {
      observedGeneration: generation,
      type,
      status: held === true ? 'True' : 'False',
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      lastProbeTime: null,
      lastTransitionTime: started,
    };
  });
const common = {
  observedGeneration: generation,
  hostIP: address,
  hostIPs: [{ ip: address }],
  podIP: '10.1.0.2',
  podIPs: [{ ip: '10.1.0.2' }],
  startTime: started,
  qosClass: 'BestEffort',
};
const app = {
  name: 'app',
  state: { running: { startedAt: started } },
  lastState: {},
  ready: true,
  restartCount: 0,
  image: 'img:1',
  imageID: 'sha256:1',
  containerID: id('app-0'),
  started: true,
};
const notReady = ['ContainersNotReady', 'containers with unready status: [app]'] as const;
const terminated = (exitCode: number, reason: string, name = 'app-0', more: object = {}) => ({
  terminated: { exitCode, reason, startedAt: started, finishedAt: started, containerID: id(name), ...more },
});
const gone = { state: terminated(0, 'Completed'), ready: false, started: false };
const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } };
const labels = { 'timonel.io/recursive-read-only': 'true', 'timonel.io/image-digest': 'repo/img@sha256:2' };
const mount = (name: string, more: object = {}) => ({ name, mountPath: `/${name}`, ...more });

type Row = readonly [name: string, view: PodView, expected: object];
const of = (pod: Pod, containers: readonly ContainerStatus[], memory: Parameters<typeof memoryWith>[0] = {}): PodView =>
  viewOf({ pod, containers, memory: memoryWith(memory) });
const failed = (reason: string) => ({
  starts: new Map([['app', { reason, message: 'why', failedAt: noon, retryAt: noon + 10_000, delayMs: 10_000 }]]),
});

const rows: readonly Row[] = [
  [
    'just bound',
    viewOf({ pod: podOf({}), sandboxes: [], memory: memoryWith({ attachment: undefined }) }),
    {
      ...common,
      podIP: undefined,
      podIPs: undefined,
      phase: 'Pending',
      conditions: conditions([], true, notReady, notReady, true),
      containerStatuses: [
        {
          ...app,
          state: { waiting: { reason: 'ContainerCreating' } },
          ready: false,
          started: false,
          imageID: '',
          containerID: undefined,
        },
      ],
    },
  ],
  [
    'running',
    of(podOf({}), [running('app')]),
    { ...common, phase: 'Running', conditions: conditions(true, true, true, true, true), containerStatuses: [app] },
  ],
  [
    'with limits, volumes, a user and an image by digest',
    of(
      podOf({
        containers: [
          container('app', {
            resources,
            volumeMounts: [
              mount('data'),
              mount('token', { readOnly: true }),
              mount('deep', { readOnly: true, recursiveReadOnly: 'IfPossible', subPath: 'x' }),
            ],
          }),
        ],
      }),
      [running('app', 0, { labels })],
      { users: new Map([['app-0', { uid: 1000, gid: 3000, supplementalGroups: [3000, 2000] }]]) },
    ),
    {
      ...common,
      qosClass: 'Burstable',
      phase: 'Running',
      conditions: conditions(true, true, true, true, true),
      containerStatuses: [
        {
          ...app,
          imageID: 'repo/img@sha256:2',
          allocatedResources: resources.requests,
          resources,
          volumeMounts: [
            mount('data'),
            mount('token', { readOnly: true, recursiveReadOnly: 'Disabled' }),
            mount('deep', { readOnly: true, recursiveReadOnly: 'Enabled' }),
          ],
          user: { linux: { uid: 1000, gid: 3000, supplementalGroups: [3000, 2000] } },
        },
      ],
    },
  ],
  [
    'without any resources asked for',
    of(podOf({ containers: [container('app', { resources: {} })] }), [running('app')]),
    {
      ...common,
      phase: 'Running',
      conditions: conditions(true, true, true, true, true),
      containerStatuses: [{ ...app, resources: {} }],
    },
  ],
  [
    'on the network of the node',
    of(podOf({ hostNetwork: true }), [running('app')], { attachment: undefined }),
    {
      ...common,
      podIP: address,
      podIPs: [{ ip: address }],
      phase: 'Running',
      conditions: conditions(true, true, true, true, true),
      containerStatuses: [app],
    },
  ],
  [
    'not ready by its probe',
    of(podOf({ containers: [container('app', { readinessProbe: {} })] }), [running('app')]),
    {
      ...common,
      phase: 'Running',
      conditions: conditions(true, true, notReady, notReady, true),
      containerStatuses: [{ ...app, ready: false }],
    },
  ],
  [
    'starting, by its probe',
    of(podOf({ containers: [container('app', { startupProbe: {} })] }), [running('app')]),
    {
      ...common,
      phase: 'Running',
      conditions: conditions(true, true, notReady, notReady, true),
      containerStatuses: [{ ...app, ready: false, started: false }],
    },
  ],
  [
    'with a gate that is not there',
    of(podOf({ readinessGates: [{ conditionType: 'example.com/gate' }] }), [running('app')]),
    {
      ...common,
      phase: 'Running',
      conditions: conditions(
        true,
        true,
        ['ReadinessGatesNotReady', 'corresponding condition of pod readiness gate "example.com/gate" does not exist.'],
        true,
        true,
      ),
      containerStatuses: [app],
    },
  ],
  [
    'with an init container at work, and a sidecar',
    of(podOf({ initContainers: [container('side', { restartPolicy: 'Always' }), container('setup')] }), [
      running('side'),
      running('setup'),
    ]),
    {
      ...common,
      phase: 'Pending',
      conditions: conditions(
        true,
        ['ContainersNotInitialized', 'containers with incomplete status: [setup]'],
        notReady,
        notReady,
        true,
      ),
      initContainerStatuses: [
        { ...app, name: 'side', containerID: id('side-0') },
        { ...app, name: 'setup', containerID: id('setup-0'), ready: false },
      ],
      containerStatuses: [
        {
          ...app,
          state: { waiting: { reason: 'PodInitializing' } },
          ready: false,
          started: false,
          imageID: '',
          containerID: undefined,
        },
      ],
    },
  ],
  [
    'back in a loop',
    of(podOf({}), [exited('app', 1, 2)], { restarts: new Map([['app', { delayMs: 20_000, updatedAt: noon }]]) }),
    {
      ...common,
      phase: 'Running',
      conditions: conditions(true, true, notReady, notReady, true),
      containerStatuses: [
        {
          ...app,
          state: {
            waiting: {
              reason: 'CrashLoopBackOff',
              message: 'back-off 20s restarting failed container=app pod=web_default(uid-1)',
            },
          },
          lastState: terminated(1, 'Error', 'app-2'),
          ready: false,
          started: false,
          restartCount: 2,
          containerID: id('app-2'),
        },
      ],
    },
  ],
  [
    'whose image cannot be had',
    of(podOf({}), [], failed('ErrImagePull')),
    {
      ...common,
      phase: 'Pending',
      conditions: conditions(true, true, notReady, notReady, true),
      containerStatuses: [
        {
          ...app,
          state: { waiting: { reason: 'ErrImagePull', message: 'why' } },
          ready: false,
          started: false,
          imageID: '',
          containerID: undefined,
        },
      ],
    },
  ],
  [
    'done',
    of(podOf({ restartPolicy: 'Never' }), [exited('app', 0)]),
    {
      ...common,
      phase: 'Succeeded',
      conditions: conditions(true, true, ['PodCompleted'], ['PodCompleted'], true)?.map((each) =>
        each.type === 'Initialized' ? { ...each, reason: 'PodCompleted' } : each,
      ),
      containerStatuses: [{ ...app, ...gone }],
    },
  ],
  [
    'killed for want of memory',
    of(podOf({ restartPolicy: 'Never' }), [exited('app', 137, 0, { signal: 9, reason: 'OOMKilled', message: 'bye' })]),
    {
      ...common,
      phase: 'Failed',
      conditions: conditions(true, true, ['PodFailed'], ['PodFailed'], true),
      containerStatuses: [
        { ...app, ...gone, state: terminated(137, 'OOMKilled', 'app-0', { signal: 9, message: 'bye' }) },
      ],
    },
  ],
  [
    'turned away',
    viewOf({
      pod: podOf({}),
      sandboxes: [],
      memory: memoryWith({ attachment: undefined, rejection: { reason: 'OutOfcpu', message: 'too much' } }),
    }),
    {
      ...common,
      podIP: undefined,
      podIPs: undefined,
      phase: 'Failed',
      reason: 'OutOfcpu',
      message: 'Pod was rejected: too much',
      conditions: conditions([], true, ['PodFailed'], ['PodFailed'], true),
    },
  ],
  [
    'with a container that was added for a look',
    of(podOf({ ephemeralContainers: [container('look')] }), [running('app'), running('look')]),
    {
      ...common,
      phase: 'Running',
      conditions: conditions(true, true, true, true, true),
      containerStatuses: [app],
      ephemeralContainerStatuses: [
        { ...app, name: 'look', containerID: id('look-0'), ready: false, started: undefined },
      ],
    },
  ],
  [
    'with a signal of its own',
    of(podOf({ containers: [container('app', { lifecycle: { stopSignal: 'SIGUSR1' } })] }), [running('app')]),
    {
      ...common,
      phase: 'Running',
      conditions: conditions(true, true, true, true, true),
      containerStatuses: [{ ...app, stopSignal: 'SIGUSR1' }],
    },
  ],
];

describe('the status of a pod', () => {
  it.each(rows)('%s', (_name, view, expected) => {
    expect(podStatus(view, address, noon)).toEqual(expected);
  });

  it('keeps the user that another agent saw', () => {
    const user = { linux: { uid: 7, gid: 8, supplementalGroups: [8] } };
    const pod = { ...podOf({}), status: { containerStatuses: [{ ...app, user }] } };
    const shown = (attempt: number) =>
      podStatus(of(pod, [running('app', attempt)]), address, noon).containerStatuses?.[0]?.user;
    expect(shown(0)).toEqual(user);
    expect(shown(1)).toBeUndefined();
  });
});

describe('the user of a process', () => {
  const status = 'Name:\tx\nUid:\t101000\t101000\t101000\t101000\nGid:\t100007\t1\t1\t1\nGroups:\t100007 100009 \n';

  it('is seen as in its user namespace', () => {
    expect(parseUser(status, 100_000)).toEqual({ uid: 1000, gid: 7, supplementalGroups: [7, 9] });
    expect(parseUser('Uid:\t5\t5\nGid:\t6\t6\nGroups:\t \nNStgid:\t7\n')).toEqual({
      uid: 5,
      gid: 6,
      supplementalGroups: [],
    });
    expect(parseUser('')).toBeUndefined();
  });

  it.each([
    ['', { uid: 0, gid: 0, supplementalGroups: [0, 7] }],
    ['5', { uid: 5, gid: 0, supplementalGroups: [0, 7] }],
    ['5:6', { uid: 5, gid: 6, supplementalGroups: [6, 7] }],
    ['ana', undefined],
    ['5:users', undefined],
  ])('is the declared one "%s", where nobody could look', (user, expected) => {
    expect(declaredUser({ user, supplementalGroups: [7] })).toEqual(expected);
  });

  it('is not known of one that is gone, and of none', async () => {
    expect(await userOfProcess(4_194_999)).toBeUndefined();
    expect(await userOfProcess(undefined)).toBeUndefined();
    expect(await userOfProcess(process.pid)).toMatchObject({ uid: process.getuid?.(), gid: process.getgid?.() });
  });
});
