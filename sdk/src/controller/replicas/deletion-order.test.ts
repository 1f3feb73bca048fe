import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Pod, PodContainerStatus } from '../../kube/index.ts';
import { deletionOrder } from './deletion-order.ts';

const nowMs = Date.parse('2026-01-01T01:00:00Z');

interface PodInput {
  readonly phase?: string;
  readonly ready?: boolean;
  readonly readySince?: string;
  readonly node?: string;
  readonly created?: string;
  readonly restarts?: number;
  readonly sidecarRestarts?: number;
  readonly cost?: string;
}

const restarted = (name: string, restartCount: number): PodContainerStatus => ({
  name,
  ready: true,
  restartCount,
  image: '',
  imageID: '',
  state: {},
  lastState: {},
});

function pod(name: string, input: PodInput = {}): Pod {
  const { node = 'n', cost } = input;
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      creationTimestamp: input.created ?? '2026-01-01T00:00:00Z',
      ...(cost === undefined ? {} : { annotations: { 'controller.kubernetes.io/pod-deletion-cost': cost } }),
    },
    spec: {
      containers: [],
      initContainers: [{ name: 'sidecar', restartPolicy: 'Always' }, { name: 'init' }],
      ...(node === '' ? {} : { nodeName: node }),
    },
    status: {
      phase: input.phase ?? 'Running',
      conditions: [
        {
          type: 'Ready',
          status: input.ready === false ? 'False' : 'True',
          lastTransitionTime: input.readySince ?? '2026-01-01T00:00:10Z',
        },
      ],
      containerStatuses: [restarted('c', input.restarts ?? 0)],
      initContainerStatuses: [restarted('sidecar', input.sidecarRestarts ?? 0), restarted('init', 7)],
    },
  };
}

const names = (pods: readonly Pod[], related: readonly Pod[] = pods): (string | undefined)[] =>
  deletionOrder(pods, related, nowMs).map(({ metadata }) => metadata.name);
const first = (a: Pod, b: Pod): string | undefined => names([a, b])[0];

describe('the order of deletion', () => {
  const cases: [string, PodInput, PodInput][] = [
    ['unassigned before assigned', { node: '' }, { phase: 'Pending' }],
    ['pending before unknown', { phase: 'Pending' }, { phase: 'Unknown' }],
    ['unknown before running', { phase: 'Unknown' }, {}],
    ['not ready before ready', { ready: false }, {}],
    ['not ready before cheap', { ready: false, cost: '100' }, { cost: '-5' }],
    ['lower deletion cost first', { cost: '-1' }, {}],
    ['the lowest deletion cost that there is first', { cost: '-2147483648' }, { cost: '-2147483647' }],
    ['lower deletion cost before younger', { cost: '1' }, { cost: '2', created: '2026-01-01T00:59:59Z' }],
    ['ready for a shorter time first', { readySince: '2026-01-01T00:30:00Z' }, {}],
    ['more restarts first', { restarts: 3 }, {}],
    ['more restarts of sidecars first', { sidecarRestarts: 1 }, {}],
    ['restarts of containers before those of sidecars', { restarts: 1 }, { sidecarRestarts: 5 }],
    ['younger first', { created: '2026-01-01T00:45:00Z' }, {}],
  ];
  it.each(cases)('%s', (_, loser, winner) => {
    expect(first(pod('loser', loser), pod('winner', winner))).toBe('loser');
    expect(first(pod('winner', winner), pod('loser', loser))).toBe('loser');
  });

  it('takes from the node that has more of them', () => {
    const pods = [pod('alone', { node: 'm', created: '2026-01-01T00:59:00Z' }), pod('a'), pod('b')];
    expect(names(pods).at(-1)).toBe('alone');
  });

  it('counts the pods of related sets on a node, too', () => {
    const pods = [pod('a', { node: 'm' }), pod('b', { node: 'n' })];
    const others = [pod('x', { node: 'n' }), pod('y', { node: 'm', phase: 'Failed' })];
    expect(names(pods, [...pods, ...others])).toEqual(['b', 'a']);
  });

  it.each(['+7', 'much', '3000000000', '007'])('ignores the malformed cost %s', (cost) => {
    expect(first(pod('a', { cost }), pod('b', { cost: '-1' }))).toBe('b');
    expect(first(pod('a', { cost }), pod('b', { cost: '1' }))).toBe('a');
  });

  it('leaves pods of about the same age to their uids', () => {
    const [a, b] = [pod('a'), pod('b', { readySince: '2026-01-01T00:00:40Z', created: '2026-01-01T00:00:30Z' })];
    expect(first(a, b)).toBe('a');
  });

  it('is the same whatever the order of what is given', () => {
    const input = fc.record({
      phase: fc.constantFrom('Pending', 'Running', 'Unknown'),
      ready: fc.boolean(),
      readySince: fc.constantFrom('2026-01-01T00:00:10Z', '2026-01-01T00:50:00Z', '2026-01-01T02:00:00Z'),
      node: fc.constantFrom('', 'n', 'm'),
      created: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:59:00Z'),
      restarts: fc.nat(2),
      cost: fc.constantFrom('0', '5', '-5', 'x'),
    });
    fc.assert(
      fc.property(fc.array(input, { maxLength: 8 }), fc.infiniteStream(fc.nat(7)), (inputs, places) => {
        const pods = inputs.map((one, index) => pod(`p${index}`, one));
        const shuffled = pods
          .map((one) => ({ one, at: places.next().value as number }))
          .toSorted((a, b) => a.at - b.at);
        expect(
          names(
            shuffled.map(({ one }) => one),
            pods,
          ),
        ).toEqual(names(pods));
      }),
    );
  });
});
