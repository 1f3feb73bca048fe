import { describe, expect, it } from '@jest/globals';
import type { Node, Pod, Taint, Toleration } from '@timonel/sdk/kube';
import { manualEnv } from '@timonel/testkit';
import fc from 'fast-check';
import { explain, reconcile, waitingOf, type Observed } from './reconcile.ts';
import { Arrivals, TaintMemory } from './taint-memory.ts';
import type { PodOnNode, SeenTaint } from './tolerance.ts';

const timestamp = '2026-01-01T01:00:00Z';
const unreachable: Taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };
const notReady: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' };

interface PodShape {
  readonly tolerations?: Toleration[];
  readonly phase?: string;
  readonly deleting?: boolean;
}

function podOf(name: string, { tolerations, phase = 'Running', deleting = false }: PodShape = {}): Pod {
  return {
    metadata: { name, namespace: 'd', uid: `uid-${name}`, ...(deleting ? { deletionTimestamp: timestamp } : {}) },
    spec: { containers: [], nodeName: 'n', ...(tolerations === undefined ? {} : { tolerations }) },
    status: { phase },
  };
}

const forSeconds = (tolerationSeconds?: number): Toleration[] => [
  {
    key: unreachable.key,
    operator: 'Exists',
    effect: 'NoExecute',
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  },
];

const node: Node = { metadata: { name: 'n', uid: 'u' }, spec: {} };

function seenPods(
  onNode: readonly PodOnNode[],
  taints: readonly SeenTaint[],
  waited: readonly string[] = [],
): Observed {
  return { subject: node, nowMs: 0, timestamp, pods: onNode, taints, waited: new Set(waited) };
}

/** Pods that were there before the taint. */
function observed(pods: readonly Pod[], taints: readonly SeenTaint[], waited: readonly string[] = []): Observed {
  const onNode = pods.map((pod) => ({ pod, ageMs: 1e12 }));
  return seenPods(onNode, taints, waited);
}

const seen = (ageMs: number, taint: Taint = unreachable): SeenTaint => ({ taint, ageMs });

const brief = (state: Observed): string[] =>
  reconcile(state).actions.map((action) => {
    const name = 'object' in action ? action.object.metadata.name : action.event?.about?.object.metadata.name;
    return `${action.do} ${name}`;
  });

describe('reconcile', () => {
  it.each<[string, PodShape, SeenTaint[], string[], number | undefined]>([
    ['tolerates nothing', {}, [seen(0)], ['patch p', 'delete p'], undefined],
    ['tolerates it for ever', { tolerations: forSeconds() }, [seen(1e9)], [], undefined],
    ['tolerates it for longer', { tolerations: forSeconds(300) }, [seen(100_000)], [], 200_000],
    ['tolerated it', { tolerations: forSeconds(300) }, [seen(300_000)], ['patch p', 'delete p'], undefined],
    ['tolerates it for no time', { tolerations: forSeconds(-1) }, [seen(0)], ['patch p', 'delete p'], undefined],
    [
      'tolerates one of two',
      { tolerations: forSeconds() },
      [seen(0), seen(0, notReady)],
      ['patch p', 'delete p'],
      undefined,
    ],
    ['tolerates everything', { tolerations: [{ operator: 'Exists' }] }, [seen(0), seen(0, notReady)], [], undefined],
    ['is being deleted', { deleting: true }, [seen(0)], [], undefined],
    // Why it ended is to stay as it is.
    ['has ended', { phase: 'Failed' }, [seen(0)], ['delete p'], undefined],
    ['has no taint to mind', {}, [], [], undefined],
  ])('a pod that %s', (_what, shape, taints, actions, requeueAfterMs) => {
    const state = observed([podOf('p', shape)], taints);
    expect(brief(state)).toEqual(actions);
    expect(reconcile(state).requeueAfterMs).toBe(requeueAfterMs);
  });

  it('counts from when the pod came, if that was after the taint', () => {
    const pod = podOf('p', { tolerations: forSeconds(300) });
    expect(reconcile(seenPods([{ pod, ageMs: 60_000 }], [seen(1e9)])).requeueAfterMs).toBe(240_000);
  });

  it('counts a value, and the shortest time of several taints', () => {
    const gpu = { key: 'gpu', value: 'a', effect: 'NoExecute' };
    const tolerates = (value: string): Toleration => ({ key: 'gpu', operator: 'Equal', value, tolerationSeconds: 60 });
    const both = [...forSeconds(300), tolerates('a')];
    expect(reconcile(observed([podOf('p', { tolerations: both })], [seen(0), seen(0, gpu)])).requeueAfterMs).toBe(
      60_000,
    );
    expect(brief(observed([podOf('p', { tolerations: [tolerates('b')] })], [seen(0, gpu)]))).toEqual([
      'patch p',
      'delete p',
    ]);
  });

  it('tells that a pod which waited may stay', () => {
    const pods = [podOf('a', { tolerations: forSeconds(300) }), podOf('b'), podOf('c', { deleting: true })];
    const [a] = pods;
    expect([...waitingOf(observed(pods.slice(0, 1), [seen(0)]))]).toEqual(['uid-a']);
    expect(brief(observed(pods, [], [a?.metadata.uid ?? '', 'uid-c', 'uid-gone']))).toEqual(['event a']);
    expect(brief(observed(pods.slice(0, 1), [seen(0)], ['uid-a']))).toEqual([]);
  });

  it('says in the condition and in the event what taint it was', () => {
    const [patch, deletion] = reconcile(observed([podOf('p')], [seen(0)])).actions;
    expect(patch).toMatchObject({
      patch: { body: { status: { conditions: [{ type: 'DisruptionTarget', reason: 'DeletionByTaintManager' }] } } },
    });
    expect(deletion).toMatchObject({ event: { reason: 'TaintManagerEviction' } });
    expect(explain(observed([podOf('p')], [seen(0)]))[0]?.text).toContain(unreachable.key);
  });
});

describe('TaintMemory', () => {
  const withTaints = (...taints: Taint[]): Node => ({ ...node, spec: { taints } });

  it('counts from when it saw the taint, over a change of not-ready and unreachable, and anew when they were gone', async () => {
    const env = manualEnv();
    const memory = new TaintMemory(env.clock);
    const ageMs = (state: Node, contactMs = 0): number[] => memory.of(state, contactMs).map((one) => one.ageMs);
    const old = { ...notReady, timeAdded: '2020-01-01T00:00:00Z' };
    memory.seen(withTaints(old));
    await env.advance(10_000);
    memory.seen(withTaints(unreachable));
    expect(ageMs(withTaints(unreachable))).toEqual([10_000]);
    expect(ageMs(withTaints(unreachable), env.clock.monotonic() - 3000)).toEqual([3000]);
    memory.seen(withTaints());
    expect(memory.isTainted('n')).toBe(false);
    await env.advance(10_000);
    memory.seen(withTaints(unreachable));
    expect(ageMs(withTaints(unreachable))).toEqual([0]);
  });

  it('knows a new node of the same name from the old one, and only taints that make pods leave', async () => {
    const env = manualEnv();
    const memory = new TaintMemory(env.clock);
    memory.seen(withTaints(unreachable));
    await env.advance(10_000);
    const next: Node = {
      ...withTaints(unreachable, { key: 'x', effect: 'NoSchedule' }),
      metadata: { name: 'n', uid: 'v' },
    };
    memory.seen(next);
    expect(memory.of(next, 0)).toEqual([seen(0)]);
  });
});

describe('Arrivals', () => {
  it('counts from when the pod was first seen on a node, until it is gone', async () => {
    const env = manualEnv();
    const arrivals = new Arrivals(env.clock);
    const ages = (): number[] => arrivals.agesOf([podOf('p')]).map(({ ageMs }) => ageMs);
    arrivals.seen({ ...podOf('p'), spec: { containers: [] } });
    await env.advance(1000);
    expect(ages()).toEqual([0]);
    arrivals.seen(podOf('p'));
    await env.advance(1000);
    arrivals.seen(podOf('p'));
    await env.advance(1000);
    expect(ages()).toEqual([2000]);
    arrivals.gone(podOf('p'));
    expect(ages()).toEqual([0]);
  });
});

describe('properties', () => {
  const taintAgeMs = 600_000;
  const shape = fc.record({
    seconds: fc.constantFrom(undefined, 0, 60, 300),
    tolerates: fc.boolean(),
    /** After the taint. */
    lateMs: fc.nat(taintAgeMs),
    deleting: fc.boolean(),
  });

  it('deletes in the end whoever does not tolerate a taint for ever, nobody else, nobody too early, and nobody twice', () => {
    fc.assert(
      fc.property(fc.array(shape, { maxLength: 8 }), (shapes) => {
        let onNode = shapes.map(({ seconds, tolerates, lateMs, deleting }, index) => ({
          pod: podOf(`p${index}`, { deleting, ...(tolerates ? { tolerations: forSeconds(seconds) } : {}) }),
          ageMs: taintAgeMs - lateMs,
        }));
        const deleted = new Map<string, number>();
        let passedMs = 0;
        for (let passes = 0; passes < 20; passes++) {
          const { actions, requeueAfterMs } = reconcile(seenPods(onNode, [seen(taintAgeMs + passedMs)]));
          for (const action of actions) {
            if (action.do !== 'delete') continue;
            const { name = '' } = action.object.metadata;
            expect(deleted.has(name)).toBe(false);
            deleted.set(name, passedMs);
          }
          if (actions.length === 0 && requeueAfterMs === undefined) break;
          const waitMs = requeueAfterMs ?? 0;
          passedMs += waitMs;
          onNode = onNode.map(({ pod, ageMs }) => ({
            pod: deleted.has(pod.metadata.name ?? '')
              ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp: timestamp } }
              : pod,
            ageMs: ageMs + waitMs,
          }));
        }
        shapes.forEach(({ seconds, tolerates, lateMs, deleting }, index) => {
          const leaves = !deleting && !(tolerates && seconds === undefined);
          const toleratedMs = tolerates ? (seconds ?? 0) * 1000 : 0;
          const leftMs = Math.max(0, toleratedMs - (taintAgeMs - lateMs));
          expect(deleted.get(`p${index}`)).toBe(leaves ? leftMs : undefined);
        });
      }),
    );
  });
});
