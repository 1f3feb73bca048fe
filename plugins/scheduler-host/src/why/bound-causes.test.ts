import { describe, expect, it } from '@jest/globals';
import type { ContainerStateStatus, Node, Pod, PodContainerStatus, PodSpec, PodStatus } from '@timonel/sdk/kube';
import { boundCauses, boundState } from './bound-causes.ts';

const healthy: Node = {
  metadata: { name: 'n1' },
  spec: {},
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
};

function status(name: string, state: ContainerStateStatus, more: Partial<PodContainerStatus> = {}): PodContainerStatus {
  return {
    name,
    state,
    lastState: {},
    ready: false,
    restartCount: 0,
    image: 'example.com/app:1',
    imageID: '',
    ...more,
  };
}

function pod(status: PodStatus, spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'shop', uid: 'u', ...metadata },
    spec: { containers: [{ name: 'main', image: 'example.com/app:1' }], nodeName: 'n1', ...spec },
    status,
  };
}

const waiting = (reason: string, message = ''): ContainerStateStatus => ({ waiting: { reason, message } });
const running: ContainerStateStatus = { running: { startedAt: '2026-01-01T00:00:00Z' } };
const codes = (of: Pod, node: Node | undefined = healthy): string[] => boundCauses(of, node).map(({ code }) => code);

describe('a pod on a node that does not run', () => {
  it.each([
    ['ImagePullBackOff', 'image-unavailable'],
    ['ErrImagePull', 'image-unavailable'],
    ['ErrImageNeverPull', 'image-unavailable'],
    ['InvalidImageName', 'image-unavailable'],
    ['CreateContainerConfigError', 'container-config'],
    ['RunContainerError', 'container-start'],
    ['ContainerCreating', 'volume-mount'],
    ['PodInitializing', 'volume-mount'],
  ])('%s', (reason, code) => {
    const of = pod({ phase: 'Pending', containerStatuses: [status('main', waiting(reason, 'no such thing'))] });
    const [root, ...others] = boundCauses(of, healthy);
    expect(root).toMatchObject({ code, component: 'node', text: expect.stringContaining('no such thing') });
    expect(others).toEqual([]);
    expect(boundState(of)).toBe(reason);
  });

  it('crashes: with its last end, which may be for want of memory', () => {
    const crashed = (reason: string, exitCode: number): Pod =>
      pod({
        phase: 'Running',
        containerStatuses: [
          status('main', waiting('CrashLoopBackOff'), {
            restartCount: 5,
            lastState: { terminated: { exitCode, reason } },
          }),
        ],
      });
    expect(boundCauses(crashed('Error', 3), healthy)[0]).toMatchObject({
      code: 'crash-loop',
      text: 'container main crashes: it ended with exit code 3, restarted 5 times',
      unblock: expect.stringContaining('logs --previous'),
    });
    expect(boundCauses(crashed('OOMKilled', 137), healthy)[0]).toMatchObject({ code: 'out-of-memory' });
  });

  it('waits for its init container, which comes before what the containers say', () => {
    const initContainers = [{ name: 'warm', image: 'x' }];
    const behind = status('main', waiting('PodInitializing'));
    const fine = pod(
      { phase: 'Pending', initContainerStatuses: [status('warm', running)], containerStatuses: [behind] },
      { initContainers },
    );
    expect(codes(fine)).toEqual(['init-container-running']);
    const broken = pod(
      {
        phase: 'Pending',
        initContainerStatuses: [status('warm', waiting('CrashLoopBackOff'))],
        containerStatuses: [behind],
      },
      { initContainers },
    );
    expect(boundCauses(broken, healthy)).toMatchObject([
      { code: 'crash-loop', text: expect.stringContaining('init container warm') },
    ]);
  });

  it('a sidecar that runs is no init container that still runs', () => {
    const initContainers = [{ name: 'proxy', image: 'x', restartPolicy: 'Always' }];
    const of = pod(
      {
        phase: 'Pending',
        initContainerStatuses: [status('proxy', running)],
        containerStatuses: [status('main', waiting('ImagePullBackOff'))],
      },
      { initContainers },
    );
    expect(codes(of)).toEqual(['image-unavailable']);
  });

  it('waits for volumes, or for its containers to be made', () => {
    const making = [status('main', waiting('ContainerCreating'))];
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
    expect(boundCauses(pod({ phase: 'Pending', containerStatuses: making }, { volumes }), healthy)).toMatchObject([
      { code: 'waiting-for-volumes', detail: { claims: ['data'] } },
    ]);
    expect(codes(pod({ phase: 'Pending', containerStatuses: making }))).toEqual(['starting']);
    expect(codes(pod({ phase: 'Pending' }))).toEqual(['node-has-not-begun']);
  });

  it('is on a node that is not ready, or gone: that is the root', () => {
    const condition = { type: 'Ready', status: 'Unknown' as const, reason: 'NodeStatusUnknown', message: 'silent' };
    const silent: Node = { ...healthy, status: { conditions: [condition] } };
    const of = pod({ phase: 'Running', containerStatuses: [status('main', waiting('CrashLoopBackOff'))] });
    expect(codes(of, silent)).toEqual(['node-not-ready', 'crash-loop']);
    expect(boundCauses(of, silent)[0]?.text).toBe('its node n1 is not ready: NodeStatusUnknown: silent');
    expect(boundCauses(of, undefined)[0]).toMatchObject({ code: 'node-gone' });
  });

  it('is being deleted, and held by a finalizer', () => {
    const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/guard'] };
    const of = pod({ phase: 'Running', containerStatuses: [status('main', running)] }, {}, metadata);
    expect(boundCauses(of, healthy)[0]).toMatchObject({
      code: 'terminating',
      unblock: expect.stringContaining('example.com/guard'),
    });
    expect(boundState(of)).toBe('Terminating');
  });

  it('runs and is not ready: its probe, or a readiness gate', () => {
    const of = pod(
      {
        phase: 'Running',
        containerStatuses: [status('main', running)],
        conditions: [{ type: 'Ready', status: 'False' }],
      },
      { readinessGates: [{ conditionType: 'example.com/lb' }] },
    );
    expect(boundCauses(of, healthy)).toMatchObject([
      { code: 'not-ready', detail: { containers: ['main'] } },
      { code: 'readiness-gate', detail: { gates: ['example.com/lb'] } },
    ]);
  });

  it('has failed: why it was evicted, or how its container ended', () => {
    const evicted = pod({ phase: 'Failed', reason: 'Evicted', message: 'the node was low on memory' });
    expect(boundCauses(evicted, undefined)).toMatchObject([
      { code: 'evicted', text: 'it failed (Evicted): the node was low on memory' },
    ]);
    const ended = pod({
      phase: 'Failed',
      containerStatuses: [status('main', { terminated: { exitCode: 2, reason: 'Error', message: 'no config' } })],
    });
    expect(boundCauses(ended, healthy)).toMatchObject([
      { code: 'container-failed', text: 'container main failed with exit code 2: no config' },
    ]);
  });
});

it('nothing is wrong with a pod that runs, or has done its work', () => {
  const ready = [{ type: 'Ready', status: 'True' as const }];
  const runs = pod({
    phase: 'Running',
    conditions: ready,
    containerStatuses: [status('main', running, { ready: true })],
  });
  expect(codes(runs)).toEqual([]);
  expect(boundState(runs)).toBe('Running');
  const done = pod({ phase: 'Succeeded', containerStatuses: [status('main', { terminated: { exitCode: 0 } })] });
  expect(codes(done, undefined)).toEqual([]);
});
