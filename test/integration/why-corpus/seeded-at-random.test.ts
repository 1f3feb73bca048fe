/** One fault is seeded into random clusters where the pod would fit, among nodes that were never meant: the explainer must find it. */
import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Node, Pod } from '@timonel/sdk/kube';
import { fill, node, pod, podTerm, type Fault } from './fault.ts';
import { explainFault } from './harness.ts';

type Noise = 'unlabelled' | 'tainted' | 'small' | 'cordoned-and-unlabelled' | 'full-and-unlabelled';
type Seed =
  | 'cpu'
  | 'memory'
  | 'pods'
  | 'taint'
  | 'cordon'
  | 'not-ready'
  | 'label'
  | 'port'
  | 'peer'
  | 'unwelcome'
  | 'claim';

const kind = { role: 'app' };

function noiseNode(noise: Noise, name: string): { node: Node; placed: Pod[] } {
  const full = noise === 'full-and-unlabelled' ? [pod(`full-${name}`, { on: name, cpu: '4' })] : [];
  const shape = {
    unlabelled: {},
    tainted: { taints: ['node-role.kubernetes.io/control-plane:NoSchedule'] },
    small: { cpu: '500m', labels: kind },
    'cordoned-and-unlabelled': { cordoned: true },
    'full-and-unlabelled': {},
  }[noise];
  return { node: node(name, shape), placed: full };
}

interface Seeded {
  readonly code: string;
  readonly nodes: readonly Node[];
  readonly placed?: readonly Pod[];
  readonly target?: Parameters<typeof pod>[1];
}

/** What makes the nodes that are meant unfit. */
function seeded(seed: Seed, count: number): Seeded {
  const make = (shape: Parameters<typeof node>[1] = {}): Node[] =>
    Array.from({ length: count }, (_, at) => node(`good-${at}`, { labels: kind, ...shape }));
  const good = make();
  switch (seed) {
    case 'cpu':
      return { code: 'insufficient-cpu', nodes: good, placed: fill(good, { cpu: '3500m' }) };
    case 'memory':
      return { code: 'insufficient-memory', nodes: good, placed: fill(good, { memory: '8150Mi' }) };
    case 'pods':
      return { code: 'too-many-pods', nodes: make({ pods: '1' }), placed: fill(good, {}) };
    case 'taint':
      return { code: 'untolerated-taint', nodes: make({ taints: ['dedicated=x:NoSchedule'] }) };
    case 'cordon':
      return { code: 'node-unschedulable', nodes: make({ cordoned: true }) };
    case 'not-ready':
      return { code: 'untolerated-taint', nodes: make({ taints: ['node.kubernetes.io/not-ready:NoExecute'] }) };
    case 'label':
      return { code: 'node-affinity', nodes: make({ labels: { role: 'ap' } }) };
    case 'port':
      return { code: 'host-port-taken', nodes: good, placed: fill(good, { hostPort: 80 }), target: { hostPort: 80 } };
    case 'peer':
      return {
        code: 'pod-anti-affinity',
        nodes: good,
        placed: fill(good, { labels: { app: 'other' } }),
        target: { spec: podTerm('podAntiAffinity', { app: 'other' }) },
      };
    case 'unwelcome':
      return {
        code: 'existing-pod-anti-affinity',
        nodes: good,
        placed: fill(good, { spec: podTerm('podAntiAffinity', { app: 'web' }) }),
      };
    case 'claim':
      return { code: 'claim-missing', nodes: good, target: { claims: ['data'] } };
  }
  throw new Error(`nobody seeds ${String(seed)}`);
}

const noises = fc.array(
  fc.constantFrom<Noise>('unlabelled', 'tainted', 'small', 'cordoned-and-unlabelled', 'full-and-unlabelled'),
  { maxLength: 8 },
);
const seeds = fc.constantFrom<Seed>(
  'cpu',
  'memory',
  'pods',
  'taint',
  'cordon',
  'not-ready',
  'label',
  'port',
  'peer',
  'unwelcome',
  'claim',
);

it('finds the fault among nodes that were never meant', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, fc.integer({ min: 1, max: 4 }), noises, async (seed, count, noise) => {
      const { code, nodes, placed = [], target = {} } = seeded(seed, count);
      // That the only node with the label is too small would be as good a reason.
      const meant = seed === 'label' ? noise.filter((each) => each !== 'small') : noise;
      const others = meant.map((each, at) => noiseNode(each, `noise-${at}`));
      const spec = { ...target.spec, nodeSelector: kind };
      const fault: Fault = {
        name: seed,
        nodes: [...others.map((other) => other.node), ...nodes],
        placed: [...placed, ...others.flatMap((other) => other.placed)],
        pods: [pod('web', { cpu: '1', labels: { app: 'web' }, ...target, spec })],
        expected: { code },
      };
      const { causes } = await explainFault(fault);
      expect(causes[0]?.code).toBe(code);
    }),
    { numRuns: 300 },
  );
});
