import { describe, expect, it } from '@jest/globals';
import type { Pod } from '@timonel/sdk/kube';
import { podStatus } from '../status/pod-status.ts';
import { plan } from './plan.ts';
import { recallLost } from './recall.ts';
import { container, exited, memoryWith, noon, podWith, running, viewOf } from './testing.ts';
import type { PodView } from './view.ts';

const debuggers = { ephemeralContainers: [container('debugger')] };
const pod = (changes: Partial<Pod['spec']> = {}): Pod => podWith({ ...debuggers, ...changes });
const view = (changes: Partial<PodView> = {}): PodView =>
  viewOf({ pod: pod(), containers: [running('app')], ...changes });

function actions(of: PodView): string[] {
  return plan(of, noon).actions.map((action) => {
    const what = 'containerId' in action ? action.containerId : 'container' in action ? action.container : '';
    return `${action.type} ${what}`;
  });
}

function statusOf(of: PodView) {
  return podStatus(of, '192.0.2.1', noon).ephemeralContainerStatuses?.[0];
}

describe('an ephemeral container', () => {
  it('is started beside what runs, and before an init container that does not come to its end', () => {
    expect(actions(view())).toEqual(['start-container debugger']);
    const waiting = pod({ initContainers: [container('one')] });
    expect(actions(viewOf({ pod: waiting, containers: [running('one')] }))).toEqual(['start-container debugger']);
  });

  it('is started once: neither its end nor another image nor a new sandbox starts it again', () => {
    const ended = exited('debugger', 1);
    expect(actions(view({ containers: [running('app'), ended] }))).toEqual([]);
    const memory = memoryWith({ finished: new Map([['debugger', ended]]) });
    expect(actions(view({ memory }))).toEqual([]);
    const labels = { 'timonel.io/spec-image': 'another:1' };
    expect(actions(view({ containers: [running('app'), running('debugger', 0, { labels })] }))).toEqual([]);
  });

  it('is tried again when it could not be started', () => {
    const failure = { reason: 'ErrImagePull', message: 'absent', failedAt: noon, retryAt: noon + 10, delayMs: 10 };
    const memory = memoryWith({ starts: new Map([['debugger', failure]]) });
    expect(actions(view({ memory }))).toEqual([]);
    expect(plan(view({ memory }), noon + 10).actions).toMatchObject([{ type: 'start-container', attempt: 0 }]);
    expect(statusOf(view({ memory }))?.state).toEqual({ waiting: { reason: 'ErrImagePull', message: 'absent' } });
  });

  it('ends with its pod, however that ends', () => {
    const both = [running('app'), running('debugger')];
    const deleted = { deletionTimestamp: '2026-03-05T12:00:00Z' };
    const stops = ['stop-container app-0', 'stop-container debugger-0'];
    expect(
      actions(view({ pod: podWith(debuggers, { name: 'web', uid: 'uid-1', ...deleted }), containers: both })),
    ).toEqual(stops);
    const done = [exited('app', 0), running('debugger')];
    expect(actions(view({ pod: pod({ restartPolicy: 'Never' }), containers: done }))).toEqual(stops.slice(1));
  });

  it('has a status of its own, which does not count for the pod', () => {
    expect(statusOf(view())?.state).toEqual({ waiting: { reason: 'ContainerCreating' } });
    const runs = view({ containers: [running('app'), running('debugger')] });
    expect(statusOf(runs)).toMatchObject({ name: 'debugger', ready: false, restartCount: 0, state: { running: {} } });
    expect(statusOf(runs)).not.toHaveProperty('started');
    const ended = view({ containers: [running('app'), exited('debugger', 1)] });
    expect(statusOf(ended)?.state.terminated).toMatchObject({ exitCode: 1, reason: 'Error' });
    for (const each of [view(), runs, ended]) {
      const { phase, conditions, containerStatuses } = podStatus(each, '192.0.2.1', noon);
      expect(phase).toBe('Running');
      expect(conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
      expect(containerStatuses?.map(({ name }) => name)).toEqual(['app']);
    }
    expect(podStatus(viewOf(), '192.0.2.1', noon)).not.toHaveProperty('ephemeralContainerStatuses');
  });

  it('is remembered by what the API tells of it', () => {
    const runs = view({ containers: [running('app'), running('debugger')] });
    const known = { ...pod(), status: podStatus(runs, '192.0.2.1', noon) };
    expect(recallLost(known, [running('app')], noon)).toMatchObject([{ name: 'debugger', state: 'exited' }]);
  });
});
