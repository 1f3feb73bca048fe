import { describe, expect, it } from '@jest/globals';
import type { Container, PodSpec } from '@timonel/sdk/kube';
import { podStatus } from '../status/pod-status.ts';
import type { ContainerKind } from './containers.ts';
import { plan } from './plan.ts';
import { runsAgain } from './restart-policy.ts';
import { container, exited, memoryWith, noon, podWith, running, viewOf } from './testing.ts';

const rule = (operator: string, ...values: number[]) => ({
  restartPolicy: 'Never',
  restartPolicyRules: [{ action: 'Restart', exitCodes: { operator, values } }],
});

describe('whether a container runs again', () => {
  it.each<[string, Partial<PodSpec>, Partial<Container>, number, ContainerKind, boolean]>([
    ['the policy of the pod', { restartPolicy: 'OnFailure' }, {}, 1, 'main', true],
    ['the policy of the pod, ended well', { restartPolicy: 'OnFailure' }, {}, 0, 'main', false],
    ['its own', { restartPolicy: 'Always' }, { restartPolicy: 'Never' }, 1, 'main', false],
    ['its own, the other way', { restartPolicy: 'Never' }, { restartPolicy: 'Always' }, 0, 'main', true],
    ['a rule that fits', { restartPolicy: 'Never' }, rule('In', 42), 42, 'main', true],
    ['a rule that does not fit', { restartPolicy: 'Always' }, rule('In', 42), 1, 'main', false],
    ['a rule for all others', { restartPolicy: 'Never' }, rule('NotIn', 42), 1, 'main', true],
    ['an init container of its own policy', { restartPolicy: 'Always' }, { restartPolicy: 'Never' }, 1, 'init', false],
    ['an init container that did its part', { restartPolicy: 'Always' }, rule('NotIn', 1), 0, 'init', false],
    ['a sidecar', { restartPolicy: 'Never' }, { restartPolicy: 'Always' }, 0, 'sidecar', true],
    ['an ephemeral container', { restartPolicy: 'Always' }, {}, 1, 'ephemeral', false],
  ])('%s', (_what, spec, own, exitCode, kind, expected) => {
    expect(runsAgain(podWith(spec), container('app', own), exitCode, kind)).toBe(expected);
  });

  it('says whether the pod goes on', () => {
    const containers = [container('app', rule('In', 42)), container('side')];
    const pod = podWith({ restartPolicy: 'Never', containers });
    const phase = (exitCode: number) =>
      podStatus(viewOf({ pod, containers: [exited('app', exitCode), exited('side', 0)] }), '192.0.2.1', noon).phase;
    expect([phase(42), phase(1), phase(0)]).toEqual(['Running', 'Failed', 'Succeeded']);
  });

  it('says whether an init container lets the pod fail', () => {
    const spec = { initContainers: [container('setup', { restartPolicy: 'Never' })] };
    const view = viewOf({ pod: podWith(spec), containers: [exited('setup', 1)] });
    expect(podStatus(view, '192.0.2.1', noon).phase).toBe('Failed');
    expect(plan(view, noon).actions.map(({ type }) => type)).toEqual(['detach-network', 'stop-sandbox']);
  });
});

describe('sidecars at the end', () => {
  const initContainers = ['first', 'second'].map((name) => container(name, { restartPolicy: 'Always' }));
  const ending = (seconds: number, deletionTimestamp: string) => ({
    deletionTimestamp,
    deletionGracePeriodSeconds: seconds,
  });
  const at = (...names: string[]) => {
    const pod = podWith({ initContainers }, ending(30, '2026-03-05T12:00:20Z'));
    return plan(viewOf({ pod, containers: names.map((name) => running(name)) }), noon).actions;
  };

  it('end after the others, one by one, the last that started first, with what is left of the grace period', () => {
    expect(at('first', 'second', 'app')).toMatchObject([{ container: 'app', gracePeriodMs: 30_000 }]);
    expect(at('first', 'second')).toMatchObject([{ container: 'second', gracePeriodMs: 20_000 }]);
    expect(at('first')).toMatchObject([{ container: 'first', gracePeriodMs: 20_000, why: 'Stopping container first' }]);
  });

  it('are not asked again because time goes by, but when the grace period is made shorter', () => {
    const stopping = new Map([['first-0', 20_000]]);
    const asked = (seconds: number) => {
      const pod = podWith({ initContainers }, ending(seconds, '2026-03-05T12:00:05Z'));
      const memory = memoryWith({ stopping });
      return plan(viewOf({ pod, memory, containers: [running('first')] }), noon).actions;
    };
    expect(asked(30)).toEqual([]);
    expect(asked(1)).toMatchObject([{ type: 'stop-container', gracePeriodMs: 1000 }]);
  });

  it('that waited too long have two seconds', () => {
    const pod = podWith({ initContainers }, ending(30, '2026-03-05T11:59:00Z'));
    expect(plan(viewOf({ pod, containers: [running('first')] }), noon).actions).toMatchObject([
      { gracePeriodMs: 2000 },
    ]);
  });
});

describe('a container whose postStart hook runs', () => {
  const containers = [container('first'), container('second')];
  const memory = memoryWith({ hooks: new Set(['first-0']) });
  const view = viewOf({ pod: podWith({ containers }), memory, containers: [running('first')] });

  it('holds up the next one, and counts as not started', () => {
    expect(plan(view, noon).actions).toEqual([]);
    const { containerStatuses = [], phase } = podStatus(view, '192.0.2.1', noon);
    expect(phase).toBe('Pending');
    expect(containerStatuses[0]).toMatchObject({
      state: { waiting: { reason: 'ContainerCreating' } },
      started: false,
      ready: false,
    });
    const done = { ...view, memory: memoryWith() };
    expect(plan(done, noon).actions).toMatchObject([{ type: 'start-container', container: 'second' }]);
  });

  it('holds up what comes after a sidecar', () => {
    const initContainers = [container('first', { restartPolicy: 'Always' })];
    const starting = { ...view, pod: podWith({ initContainers }) };
    expect(plan(starting, noon).actions).toEqual([]);
  });
});

describe('a container that its probe gave up', () => {
  it('has the grace period of the probe', () => {
    const verdict = {
      started: true,
      ready: false,
      unhealthy: 'Container app failed liveness probe, will be restarted',
    };
    const asked = (gracePeriodSeconds?: number) => {
      const own = gracePeriodSeconds === undefined ? verdict : { ...verdict, gracePeriodSeconds };
      const memory = memoryWith({ verdicts: new Map([['app-0', own]]) });
      return plan(viewOf({ memory, containers: [running('app')] }), noon).actions;
    };
    expect(asked()).toMatchObject([{ gracePeriodMs: 30_000, why: verdict.unhealthy }]);
    expect(asked(5)).toMatchObject([{ gracePeriodMs: 5000 }]);
  });
});
