import { describe, expect, it } from '@jest/globals';
import { podStatus } from '../status/pod-status.ts';
import type { Ending } from './ending.ts';
import { plan } from './plan.ts';
import { exited, memoryWith, noon, podWith, running, viewOf } from './testing.ts';

const ending: Ending = {
  reason: 'Evicted',
  message: 'The node was low.',
  gracePeriodMs: 1000,
  isDisruption: true,
  leavesNothing: false,
};
const memory = memoryWith({ ending });
const status = (changes: Parameters<typeof viewOf>[0]) => podStatus(viewOf({ memory, ...changes }), '192.0.2.1', noon);

describe('a pod that its node ends', () => {
  it('is stopped within the time that the node gives, and not started again', () => {
    const runs = viewOf({ memory, containers: [running('app')] });
    expect(plan(runs, noon).actions).toMatchObject([{ type: 'stop-container', gracePeriodMs: 1000 }]);
    const ended = viewOf({ memory, containers: [exited('app', 143)] });
    expect(plan(ended, noon).actions.map(({ type }) => type)).toEqual(['detach-network', 'stop-sandbox']);
    const waits = viewOf({ memory: memoryWith({ ending, attachment: undefined }), sandboxes: [] });
    expect(plan(waits, noon).actions).toEqual([]);
  });

  it('leaves nothing when the node is short, once its status was told', () => {
    const short = memoryWith({ ending: { ...ending, leavesNothing: true } });
    const view = viewOf({ memory: short, containers: [exited('app', 143)] });
    const traces = ['report-final-status', 'detach-network', 'remove-sandbox', 'remove-pod-data'];
    expect(plan(view, noon).actions.map(({ type }) => type)).toEqual(traces);
    const pod = { ...podWith(), status: { phase: 'Succeeded' } };
    const over = viewOf({ pod, memory: memoryWith({ frees: true }), containers: [exited('app', 0)] });
    expect(plan(over, noon).actions.map(({ type }) => type)).toEqual(traces);
  });

  it('shortens the end of one that is being deleted', () => {
    const metadata = { deletionTimestamp: '2026-03-05T12:00:00Z', deletionGracePeriodSeconds: 30 };
    const view = viewOf({ pod: podWith({}, metadata), memory, containers: [running('app')] });
    expect(plan(view, noon).actions).toMatchObject([{ type: 'stop-container', gracePeriodMs: 1000 }]);
  });

  it('tells why at once, and that it failed when nothing of it runs any more', () => {
    const pod = { ...podWith(), status: { phase: 'Running' } };
    expect(status({ pod, containers: [running('app')] })).toMatchObject({ phase: 'Running', reason: 'Evicted' });
    const failed = status({ pod, containers: [exited('app', 137)] });
    expect(failed).toMatchObject({ phase: 'Failed', reason: 'Evicted', message: 'The node was low.' });
    expect(failed.conditions).toContainEqual({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'TerminationByKubelet',
      message: 'The node was low.',
      lastProbeTime: null,
      lastTransitionTime: '2026-03-05T12:00:00Z',
    });
  });

  it('stays what it was when it was over before', () => {
    const pod = { ...podWith(), status: { phase: 'Succeeded' } };
    const told = status({ pod, containers: [exited('app', 0)] });
    expect(told).toMatchObject({ phase: 'Succeeded' });
    expect([told.reason, told.conditions?.map(({ type }) => type)]).toEqual([
      undefined,
      expect.not.arrayContaining(['DisruptionTarget']),
    ]);
  });

  it('keeps what its containers came to when nothing of them is left here', () => {
    const pod = { ...podWith(), status: { phase: 'Failed', reason: 'Terminated' } };
    const left = memoryWith({ attachment: undefined, finished: new Map([['app', exited('app', 0)]]) });
    const told = status({ pod, memory: left, sandboxes: [] });
    expect(told.containerStatuses).toMatchObject([{ state: { terminated: { exitCode: 0 } } }]);
  });

  it('keeps the disruption that another announced, when the node has none to tell', () => {
    const other = { type: 'DisruptionTarget', status: 'True' as const, reason: 'PreemptionByScheduler' };
    const pod = { ...podWith(), status: { phase: 'Running', conditions: [other] } };
    const quiet = memoryWith({ ending: { ...ending, isDisruption: false } });
    expect(status({ pod, memory: quiet }).conditions).toContainEqual(other);
    const both = status({ pod }).conditions?.filter(({ type }) => type === 'DisruptionTarget');
    expect(both).toMatchObject([{ reason: 'TerminationByKubelet' }]);
  });
});
