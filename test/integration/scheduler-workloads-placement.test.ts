/** Every scheduler runs the quick workloads of the scheduler benchmark and keeps their constraints; and how the benchmark checks that. */
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Node, Pod } from '@timonel/sdk/kube';
import type { Measured } from '../bench/scheduler/cluster.ts';
import { Executor } from '../bench/scheduler/executor.ts';
import { MemoryCluster } from '../bench/scheduler/memory-cluster.ts';
import { Placements } from '../bench/scheduler/placements.ts';
import { schedulers } from '../bench/scheduler/rows.ts';
import { schedulerAlone } from '../bench/scheduler/scheduler-alone.ts';
import type { Operation } from '../bench/scheduler/workload/operations.ts';
import { parseWorkloads, readWorkloads } from '../bench/scheduler/workload/read-workloads.ts';

const folder = join(import.meta.dirname, '..', 'bench', 'scheduler', 'workloads');
const file = join(folder, 'inline.yaml');

/** With the plugin of that name. */
async function runAlone(name: string, operations: readonly Operation[]): Promise<readonly Measured[]> {
  const alone = await schedulerAlone(name);
  const cluster = new MemoryCluster(alone);
  try {
    return await new Executor(cluster).run(operations);
  } finally {
    cluster.close();
    await alone.close();
  }
}

describe('the quick workloads', () => {
  const quick = readWorkloads(join(folder, 'performance.yaml')).filter(({ labels }) => labels.includes('quick'));
  // One that fills nodes breaks constraints which one that spreads keeps by chance.
  for (const name of schedulers.map((each) => `scheduler-${each}`)) {
    for (const { testCase, operations } of quick) {
      it(`${testCase} with ${name}: every measured pod is bound to a node that may have it`, async () => {
        const [measured] = await runAlone(name, operations);
        expect(measured?.pods).toBeGreaterThan(0);
        expect(measured?.bound).toBe(measured?.pods);
      });
    }
  }
});

describe('churn', () => {
  it('makes nodes as the server would complete them, and the scheduler goes on', async () => {
    const [workload] = parseWorkloads(
      `
- name: Churning
  workloadTemplate:
  - {opcode: createNodes, count: 2}
  - {opcode: churn, mode: create, number: 5, intervalMilliseconds: 1, templatePaths: [templates/churn-node.yaml, templates/pod-too-large.yaml]}
  - {opcode: sleep, duration: 50ms}
  - {opcode: createPods, countParam: $pods, podTemplatePath: templates/pod.yaml, collectMetrics: true}
  workloads:
  - {name: few, params: {pods: 10}}
`,
      file,
    );
    const [measured] = await runAlone('scheduler-default', workload?.operations ?? []);
    expect(measured?.bound).toBe(10);
  });
});

describe('placements', () => {
  const node = (name: string, zone: string): Node => ({
    metadata: { name, labels: { zone, 'kubernetes.io/hostname': name } },
    spec: {},
    status: { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } },
  });
  let serial = 0;
  const pod = (spec: Partial<Pod['spec']>, labels: Record<string, string> = { app: 'a' }): Pod => {
    serial += 1;
    return { metadata: { name: `p${serial}`, namespace: 'default', labels }, spec: { containers: [], ...spec } };
  };
  const term = { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'a' } } };
  const together = { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const apart = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
  const evenly = [{ ...term, maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }];
  const onNode = (key: string, value: string): Partial<Pod['spec']> => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key, operator: 'In', values: [value] }] }],
        },
      },
    },
  });
  const checked = (...placed: readonly (readonly [Pod, string])[]): (() => void) => {
    const placements = new Placements();
    for (const each of [node('a', 'z1'), node('b', 'z1'), node('c', 'z2')]) placements.addNode(each);
    for (const [each, name] of placed) placements.place(each, name);
    return () => placements.check();
  };

  it('of node affinity', () => {
    expect(checked([pod(onNode('zone', 'z2')), 'c'])).not.toThrow();
    expect(checked([pod(onNode('zone', 'z2')), 'a'])).toThrow('against its node affinity');
  });

  it('of affinity: the first pod may be alone, the others not', () => {
    expect(checked([pod({ affinity: together }), 'a'])).not.toThrow();
    expect(checked([pod({ affinity: together }), 'a'], [pod({ affinity: together }), 'b'])).not.toThrow();
    expect(checked([pod({ affinity: together }), 'a'], [pod({ affinity: together }), 'c'])).toThrow('its affinity');
    expect(checked([pod({ affinity: together }, { app: 'b' }), 'a'], [pod({}), 'c'])).toThrow('its affinity');
  });

  it('of anti-affinity', () => {
    expect(checked([pod({ affinity: apart }), 'a'], [pod({ affinity: apart }), 'c'])).not.toThrow();
    expect(checked([pod({ affinity: apart }), 'a'], [pod({}), 'b'])).toThrow('its anti-affinity');
  });

  it('of spreading: domains without pods count', () => {
    const spread = { topologySpreadConstraints: evenly };
    expect(checked([pod(spread), 'a'], [pod(spread), 'c'], [pod(spread), 'b'])).not.toThrow();
    expect(checked([pod(spread), 'a'], [pod(spread), 'b'])).toThrow('its spread constraint');
  });

  it('of more than a node has', () => {
    const large = pod({ containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '600m' } } }] });
    const other = pod({ containers: large.spec.containers });
    expect(() => checked([large, 'a'], [other, 'a'])).toThrow('more pods than it has room for');
  });
});
