import { describe, expect, it } from '@jest/globals';
import { kindOf } from '../testing/kinds-under-test.ts';

const now = Date.parse('2026-01-01T01:00:00Z');
const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString().replace('.000', '');

/** A row by column name, as `kubectl get -o wide` shows it. */
function row(resource: string, object: object): Record<string, unknown> {
  const kind = kindOf(resource);
  const metadata = { name: 'x', creationTimestamp: ago(300), ...(object as { metadata?: object }).metadata };
  const cells = kind.strategy.cells?.({ ...object, metadata }, { now }) ?? [];
  return Object.fromEntries(kind.columns.map((column, index) => [column.name, cells[index]]));
}

const running = { ready: true, restartCount: 0, state: { running: {} }, lastState: {} };
const waiting = (reason: string): object => ({
  ready: false,
  restartCount: 0,
  state: { waiting: { reason } },
  lastState: {},
});
const ended = (exitCode: number, reason = '', extra: object = {}): object => ({
  ready: false,
  restartCount: 0,
  state: { terminated: { exitCode, reason, ...extra } },
  lastState: {},
});
const crashed = (restartCount: number, seconds: number): object => ({
  restartCount,
  lastState: { terminated: { finishedAt: ago(seconds) } },
});

function pod(statuses: object[], status: object = {}, spec: object = {}, metadata: object = {}): object {
  const containers = statuses.map((_, index) => ({ name: `c${index}` }));
  const containerStatuses = statuses.map((item, index) => ({ name: `c${index}`, ...item }));
  return { metadata, spec: { containers, ...spec }, status: { phase: 'Running', containerStatuses, ...status } };
}

const init = (states: object[], sidecar = false): [object, object] => [
  { initContainerStatuses: states.map((state, index) => ({ name: `i${index}`, ...state })), phase: 'Pending' },
  {
    initContainers: states.map((_, index) => ({
      name: `i${index}`,
      ...(sidecar && index === 0 ? { restartPolicy: 'Always' } : {}),
    })),
  },
];

describe('pods', () => {
  it.each<[string, object, string, string, string]>([
    ['new', { spec: { containers: [{ name: 'a' }] }, status: { phase: 'Pending' } }, '0/1', 'Pending', '0'],
    ['being made', pod([waiting('ContainerCreating')], { phase: 'Pending' }), '0/1', 'ContainerCreating', '0'],
    ['running', pod([running, running]), '2/2', 'Running', '0'],
    ['without its image', pod([waiting('ImagePullBackOff')]), '0/1', 'ImagePullBackOff', '0'],
    [
      'crashing',
      pod([{ ...waiting('CrashLoopBackOff'), ...crashed(3, 10) }]),
      '0/1',
      'CrashLoopBackOff',
      '3 (10s ago)',
    ],
    [
      'restarted',
      pod([
        { ...running, ...crashed(1, 600) },
        { ...running, ...crashed(2, 180) },
      ]),
      '2/2',
      'Running',
      '3 (3m ago)',
    ],
    ['done', pod([ended(0, 'Completed')], { phase: 'Succeeded' }), '0/1', 'Completed', '0'],
    ['failed', pod([ended(1, 'Error')], { phase: 'Failed' }), '0/1', 'Error', '0'],
    ['failed without a reason', pod([ended(3)], { phase: 'Failed' }), '0/1', 'ExitCode:3', '0'],
    ['killed', pod([ended(137, '', { signal: 9 })]), '0/1', 'Signal:9', '0'],
    ['out of memory', pod([ended(137, 'OOMKilled')]), '0/1', 'OOMKilled', '0'],
    [
      'half done',
      pod([ended(0, 'Completed'), running], { conditions: [{ type: 'Ready', status: 'True' }] }),
      '1/2',
      'Running',
      '0',
    ],
    ['half done, not ready', pod([ended(0, 'Completed'), running]), '1/2', 'NotReady', '0'],
    ['evicted', pod([], { phase: 'Failed', reason: 'Evicted' }), '0/0', 'Evicted', '0'],
    ['being deleted', pod([running], {}, {}, { deletionTimestamp: ago(1) }), '1/1', 'Terminating', '0'],
    [
      'deleted when done',
      pod([ended(0, 'Completed')], { phase: 'Succeeded' }, {}, { deletionTimestamp: ago(1) }),
      '0/1',
      'Completed',
      '0',
    ],
    ['node lost', pod([running], { reason: 'NodeLost' }, {}, { deletionTimestamp: ago(1) }), '1/1', 'Unknown', '0'],
    [
      'gated',
      pod([], { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] }),
      '0/0',
      'SchedulingGated',
      '0',
    ],
    [
      'first init container',
      pod([waiting('PodInitializing')], ...init([{ ...running, ready: false }, waiting('PodInitializing')])),
      '0/1',
      'Init:0/2',
      '0',
    ],
    [
      'second init container',
      pod([waiting('PodInitializing')], ...init([ended(0), waiting('PodInitializing')])),
      '0/1',
      'Init:1/2',
      '0',
    ],
    [
      'init container crashes',
      pod([waiting('PodInitializing')], ...init([{ ...waiting('CrashLoopBackOff'), ...crashed(2, 20) }])),
      '0/1',
      'Init:CrashLoopBackOff',
      '2 (20s ago)',
    ],
    ['init container failed', pod([waiting('PodInitializing')], ...init([ended(2)])), '0/1', 'Init:ExitCode:2', '0'],
    [
      'with a sidecar',
      pod([running], { ...init([{ ...running, started: true }], true)[0], phase: 'Running' }, init([{}], true)[1]),
      '2/2',
      'Running',
      '0',
    ],
  ])('%s', (_name, object, ready, status, restarts) => {
    expect(row('pods', object)).toMatchObject({ Ready: ready, Status: status, Restarts: restarts, Age: '5m' });
  });

  it('shows more when wide', () => {
    const object = pod(
      [running],
      { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }], conditions: [{ type: 'a/b', status: 'True' }] },
      { nodeName: 'n1', readinessGates: [{ conditionType: 'a/b' }, { conditionType: 'a/c' }] },
    );
    expect(row('pods', object)).toMatchObject({
      IP: '10.0.0.1',
      Node: 'n1',
      'Nominated Node': '<none>',
      'Readiness Gates': '1/2',
    });
    expect(row('pods', pod([running]))).toMatchObject({ IP: '<none>', Node: '<none>', 'Readiness Gates': '<none>' });
  });
});
