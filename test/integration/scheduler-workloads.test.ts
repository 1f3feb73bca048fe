/** The scheduler benchmark's reader of workload files, and how their operations are run. */
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Node, Pod } from '@timonel/sdk/kube';
import type { Decision, PodInfo, Scheduler, SchedulerSnapshot } from '@timonel/sdk/contracts/scheduler';
import { PodClasses } from '@timonel/sdk/scheduling';
import { Executor } from '../bench/scheduler/executor.ts';
import { MemoryCluster } from '../bench/scheduler/memory-cluster.ts';
import { parseDuration } from '../bench/scheduler/workload/fields.ts';
import { parseWorkloads, readWorkloads, type Workload } from '../bench/scheduler/workload/read-workloads.ts';
import { renderText } from '../bench/scheduler/workload/template.ts';

const folder = join(import.meta.dirname, '..', 'bench', 'scheduler', 'workloads');
const file = join(folder, 'inline.yaml');

const oneCase = (operation: string, rest = ''): string => `
- name: One
  defaultPodTemplatePath: templates/pod.yaml
  workloadTemplate:
  - ${operation}
  workloads:
  - name: few
    params: {count: 3}
${rest}`;

const problemOf = (text: string): string => {
  try {
    parseWorkloads(text, 'f.yaml');
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

describe('workload files', () => {
  it('become workloads with the values of their parameters', () => {
    const text = `
- name: Basic
  labels: [a]
  featureGates: {X: true, Y: true}
  workloadTemplate:
  - {opcode: createNodes, countParam: $nodes, nodeTemplatePath: ../node.yaml, labelNodePrepareStrategy: {labelKey: zone, labelValues: [z1, z2]}}
  - {opcode: createPodSets, count: 2, namespacePrefix: ns, createPodsOp: {opcode: createPods, count: 4, podTemplatePath: p.yaml}}
  - {opcode: createPods, countParam: $groups, countMultiplierParam: $size, podTemplatePath: p.yaml, collectMetrics: true, templateParams: {size: $size, fixed: 1}}
  - {opcode: createPods, count: 2, podTemplatePath: p.yaml, steadyStateParam: $steady, durationParam: $for}
  - {opcode: sleep, duration: 1m30s}
  - {opcode: barrier, stageRequirement: Attempted}
  workloads:
  - name: two
    labels: [b]
    featureGates: {X: false}
    threshold: {one: 30, other: 20}
    params: {nodes: 5, groups: 3, size: 7, steady: true, for: 10s}
`;
    const [workload, ...others] = parseWorkloads(text, '/x/dir/f.yaml');
    expect(others).toEqual([]);
    expect(workload).toMatchObject({
      testCase: 'Basic',
      name: 'two',
      labels: ['a', 'b'],
      threshold: 20,
      featureGates: { X: false, Y: true },
    });
    const template = (path: string, params = {}): object => ({ path, params });
    expect(workload?.operations).toMatchObject([
      {
        count: 5,
        template: template('/x/node.yaml'),
        strategy: { kind: 'label', key: 'zone', values: ['z1', 'z2'] },
      },
      { count: 2, namespacePrefix: 'ns', createPods: { count: 4, template: template('/x/dir/p.yaml') } },
      { count: 21, collectMetrics: true, template: template('/x/dir/p.yaml', { size: 7, fixed: 1 }) },
      { count: 2, steadyMs: 10_000 },
      { ms: 90_000 },
      { stage: 'Attempted', namespaces: [] },
    ]);
  });

  const wrong: readonly (readonly [what: string, text: string, problem: string])[] = [
    ['an unknown opcode', oneCase('{opcode: dance}'), 'f.yaml: One.workloadTemplate[0].opcode: unknown opcode "dance"'],
    [
      'an unknown field of an operation',
      oneCase('{opcode: createNodes, countParam: $count, colour: red}'),
      'f.yaml: One.workloadTemplate[0].colour: unknown field',
    ],
    [
      'an unknown field of a strategy',
      oneCase('{opcode: createNodes, countParam: $count, uniqueNodeLabelStrategy: {labelKey: a, more: 1}}'),
      'f.yaml: One.workloadTemplate[0].uniqueNodeLabelStrategy.more: unknown field',
    ],
    [
      'an unknown field of a nested operation',
      oneCase(
        '{opcode: createPodSets, countParam: $count, namespacePrefix: x, createPodsOp: {opcode: createPods, count: 1, a: 1}}',
      ),
      'f.yaml: One.workloadTemplate[0].createPodsOp.a: unknown field',
    ],
    [
      'an unknown field of a workload',
      oneCase('{opcode: createNodes, countParam: $count}', '    speed: 3'),
      'f.yaml: One.workloads[0].speed: unknown field',
    ],
    [
      'an unknown field of a test case',
      oneCase('{opcode: createNodes, countParam: $count}', '  speed: 3'),
      'f.yaml: One.speed: unknown field',
    ],
    [
      'a parameter that the workload lacks',
      oneCase('{opcode: createNodes, countParam: $nodes}'),
      'f.yaml: One.workloadTemplate[0].countParam: the workload has no parameter nodes',
    ],
    [
      'a parameter called like a member of every object',
      oneCase('{opcode: createNodes, countParam: $constructor}'),
      'the workload has no parameter constructor',
    ],
    [
      'a parameter that nobody uses',
      oneCase('{opcode: createNodes, count: 1}'),
      'f.yaml: One.workloads[0].params.count: no operation uses this parameter',
    ],
    [
      'a negative count',
      oneCase('{opcode: createNodes, count: -1}'),
      'count: must be a whole number that is not negative, not -1',
    ],
    ['no count', oneCase('{opcode: createNodes}'), 'count: is missing, and so is countParam'],
    [
      'metrics of pods that are not waited for',
      oneCase('{opcode: createPods, countParam: $count, collectMetrics: true, skipWaitToCompletion: true}'),
      'skipWaitToCompletion: cannot go with collectMetrics',
    ],
    [
      'a steady state without an end',
      oneCase('{opcode: createPods, countParam: $count, steadyState: true}'),
      'duration: must be more than 0 with steadyState',
    ],
    ['a strange duration', oneCase('{opcode: sleep, duration: 3 weeks}'), 'duration: is no duration such as'],
    [
      'churn of a strange mode',
      oneCase('{opcode: churn, mode: sideways, templatePaths: [a]}'),
      'mode: must be create or recreate, not "sideways"',
    ],
    [
      'two strategies',
      oneCase(
        '{opcode: createNodes, count: 1, uniqueNodeLabelStrategy: {labelKey: a}, nodeAllocatableStrategy: {nodeAllocatable: {a: "1"}}}',
      ),
      'only one strategy',
    ],
    ['a mapping in place of the list', 'name: x', 'f.yaml: must be a list of test cases'],
    ['what is no YAML', '- {', 'f.yaml: '],
  ];
  for (const [what, text, problem] of wrong) {
    it(`are refused with the place: ${what}`, () => expect(problemOf(text)).toContain(problem));
  }

  it('say which template cannot be read', async () => {
    const text = oneCase('{opcode: createPods, countParam: $count, podTemplatePath: none.yaml}');
    const [workload] = parseWorkloads(text, file);
    await expect(run(workload)).rejects.toThrow(`${join(folder, 'none.yaml')}: the template cannot be read`);
  });

  it('of the benchmark are all readable, with a quick workload for each test case', () => {
    const all = ['performance.yaml', 'own.yaml'].flatMap((name) => readWorkloads(join(folder, name)));
    const cases = new Set(all.map(({ testCase }) => testCase));
    const quick = all.filter(({ labels }) => labels.includes('quick')).map(({ testCase }) => testCase);
    expect(new Set(quick)).toEqual(cases);
    expect(cases.size).toBeGreaterThanOrEqual(16);
  });
});

describe('durations', () => {
  const cases: readonly (readonly [text: string, ms: number | undefined])[] = [
    ['1h2m3s', 3_723_000],
    ['1.5s', 1_500],
    ['500ms', 500],
    ['0', 0],
    ['', undefined],
    ['5', undefined],
    ['1s!', undefined],
  ];
  for (const [text, ms] of cases) it(`"${text}" is ${ms}`, () => expect(parseDuration(text)).toBe(ms));
});

describe('expressions in templates', () => {
  const cases: readonly (readonly [text: string, result: string])[] = [
    ['a-{{.Index}}-{{ .name }}', 'a-7-x'],
    ['{{DivideInt .Index 3}}', '2'],
    ['{{- AddInt 1 2 .Index -}}', '10'],
    ['{{Mod (MultiplyInt .Index 3) 4}}', '1'],
    ['{{SubtractFloat 1 0.25}}', '0.75'],
  ];
  const params = { Index: 7, name: 'x' };
  for (const [text, result] of cases) it(text, () => expect(renderText(text, params, 't')).toBe(result));

  const wrong: readonly (readonly [text: string, problem: string])[] = [
    ['{{.other}}', 't: {{.other}}: there is no parameter other'],
    ['{{if .Index}}', 't: {{if .Index}}: unknown "if"'],
    ['{{DivideInt 1 0}}', 'the result is no number'],
    ['{{AddInt 1 2) 3}}', '")" is too much'],
    ['{{Mod (AddInt 1 2 }}', 'a ) is missing'],
  ];
  for (const [text, problem] of wrong)
    it(`${text} is refused`, () => expect(() => renderText(text, params, 't')).toThrow(problem));
});

/** Of pods that ask for 100 mCPU, a node of four cores takes 40. */
const mostOn = (pod: PodInfo, node: Node | undefined): number =>
  pod.class.request.milliCpu > 0 ? 40 : Number(node?.status?.allocatable?.['pods'] ?? 0);

/** The first node with room for another pod, by the number of pods alone. */
class FirstFit implements Scheduler {
  readonly batches: number[] = [];

  decide(pods: readonly PodInfo[], snapshot: SchedulerSnapshot): Promise<readonly Decision[]> {
    this.batches.push(pods.length);
    const taken = new Map<string, number>();
    const decisions = pods.map((pod): Decision => {
      const row = snapshot.rows.find(
        ({ node, name, pods: there }) => there.length + (taken.get(name) ?? 0) < mostOn(pod, node),
      );
      if (row === undefined) return { outcome: 'unschedulable', podUid: pod.uid, rejections: [] };
      taken.set(row.name, (taken.get(row.name) ?? 0) + 1);
      return { outcome: 'bind', podUid: pod.uid, nodeName: row.name, scores: [], feasibleNodes: 1 };
    });
    return Promise.resolve(decisions);
  }
}

function clusterOf(scheduler: Scheduler, backOffMs?: number): MemoryCluster {
  const classes = new PodClasses();
  const timing = backOffMs === undefined ? {} : { backOffMs };
  return new MemoryCluster({ scheduler, infoOf: (pod: Pod) => classes.infoOf(pod), ...timing });
}

async function run(workload: Workload | undefined, scheduler: Scheduler = new FirstFit()) {
  if (workload === undefined) throw new Error('there is no workload');
  const cluster = clusterOf(scheduler);
  const measured = await new Executor(cluster).run(workload.operations);
  return { measured, cluster };
}

const quickOf = (testCase: string): Workload | undefined =>
  ['performance.yaml', 'own.yaml']
    .flatMap((name) => readWorkloads(join(folder, name)))
    .find((workload) => workload.testCase === testCase && workload.labels.includes('quick'));

describe('workloads on a scheduler alone', () => {
  it('bind every measured pod, the last of them one by one', async () => {
    const scheduler = new FirstFit();
    const { measured, cluster } = await run(quickOf('SchedulingBasic'), scheduler);
    expect(measured).toHaveLength(1);
    expect(measured[0]).toMatchObject({ pods: 300, bound: 300 });
    expect(measured[0]?.perSecond).toBeGreaterThan(0);
    expect(measured[0]?.decisionMs.p99).toBeGreaterThan(0);
    expect(scheduler.batches.filter((size) => size === 1)).toHaveLength(30);
    expect(cluster.utilisation).toMatchObject({ nodes: 100, used: 10, cpu: 0.1 });
    // A tenth of the nodes is full, the others are empty.
    expect(cluster.utilisation.cpuSpread).toBeCloseTo(0.3);
  });

  it('delete pods in the background while others are measured, and leave gated ones alone', async () => {
    const { measured } = await run(quickOf('SchedulingWhileGated'));
    expect(measured[0]).toMatchObject({ pods: 300, bound: 300 });
  });

  it('keep the members of a group in one batch', async () => {
    const [workload] = parseWorkloads(
      `
- name: Groups
  workloadTemplate:
  - {opcode: createNodes, count: 10}
  - {opcode: createPods, countParam: $pods, podTemplatePath: templates/pod-gang.yaml, templateParams: {podsPerGang: 7}}
  workloads:
  - {name: few, params: {pods: 210}}
`,
      file,
    );
    const scheduler = new FirstFit();
    await run(workload, scheduler);
    expect(scheduler.batches).toEqual([105, 105]);
  });

  it('count pods that are not bound at the end with their age', async () => {
    const [workload] = parseWorkloads(
      `
- name: TooMany
  workloadTemplate:
  - {opcode: createNodes, count: 1}
  - {opcode: createNamespaces, prefix: a, count: 1}
  - {opcode: startCollectingMetrics, namespaces: [a-0]}
  - {opcode: createPods, countParam: $pods, namespace: a-0, podTemplatePath: templates/pod-light.yaml, skipWaitToCompletion: true}
  - {opcode: barrier, stageRequirement: Attempted, namespaces: [a-0]}
  - {opcode: stopCollectingMetrics}
  workloads:
  - {name: few, params: {pods: 120}}
`,
      file,
    );
    const { measured } = await run(workload);
    expect(measured[0]).toMatchObject({ pods: 120, bound: 110 });
  });

  it('refuse a scheduler that gives a node more than it has', async () => {
    const overfull: Scheduler = {
      decide: (pods) =>
        Promise.resolve(
          pods.map(({ uid }) => ({
            outcome: 'bind',
            podUid: uid,
            nodeName: 'scheduler-perf-0',
            scores: [],
            feasibleNodes: 1,
          })),
        ),
    };
    await expect(run(quickOf('SchedulingBasic'), overfull)).rejects.toThrow('more pods than it has room for');
  });

  it('make room by preemption: victims go, and the pod is asked for again with its nomination', async () => {
    const nominated: string[][] = [];
    const preempting: Scheduler = {
      decide: (pods, { rows }) => {
        const [row] = rows;
        nominated.push(row?.nominated.map(({ name }) => name) ?? []);
        const [victim] = row?.pods ?? [];
        return Promise.resolve(
          pods.map(({ uid, class: { priority } }): Decision => {
            const nodeName = row?.name ?? '';
            if (victim !== undefined && priority > 0) {
              const { namespace, name } = victim;
              const victims = [{ namespace, name, uid: victim.uid, priority: 0 }];
              return { outcome: 'preempt', podUid: uid, nodeName, victims, rejections: [] };
            }
            return { outcome: 'bind', podUid: uid, nodeName, scores: [], feasibleNodes: 1 };
          }),
        );
      },
    };
    const [workload] = parseWorkloads(
      `
- name: Preempt
  workloadTemplate:
  - {opcode: createNodes, count: 1}
  - {opcode: createPods, countParam: $pods, podTemplatePath: templates/pod-low-priority.yaml}
  - {opcode: createPods, countParam: $pods, podTemplatePath: templates/pod-high-priority.yaml, collectMetrics: true}
  workloads:
  - {name: one, params: {pods: 1}}
`,
      file,
    );
    const { measured, cluster } = await run(workload, preempting);
    expect(measured[0]).toMatchObject({ pods: 1, bound: 1 });
    expect(nominated).toEqual([[], [], ['high-2-0']]);
    expect(cluster.utilisation.cpu).toBe(3 / 4);
  });

  it('are asked nothing more once the cluster is closed', async () => {
    let asked = 0;
    const never: Scheduler = {
      decide: (pods) => {
        asked += 1;
        return Promise.resolve(pods.map(({ uid }) => ({ outcome: 'unschedulable', podUid: uid, rejections: [] })));
      },
    };
    const cluster = clusterOf(never, 0);
    const pod: Pod = { kind: 'Pod', metadata: { name: 'p', namespace: 'default' }, spec: { containers: [] } };
    await cluster.create([pod]);
    await cluster.attempted(['default/p']);
    // A change, after which it would be asked again at once.
    await cluster.create([{ kind: 'Node', metadata: { name: 'n' } }]);
    cluster.close();
    for (let turn = 0; turn < 10; turn += 1) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
    }
    expect(asked).toBe(1);
  });

  it('replace pods for as long as a steady state lasts', async () => {
    const [workload] = parseWorkloads(
      `
- name: Steadily
  workloadTemplate:
  - {opcode: createNodes, count: 1}
  - {opcode: createPods, countParam: $pods, podTemplatePath: templates/pod.yaml, steadyState: true, duration: 100ms, collectMetrics: true}
  workloads:
  - {name: few, params: {pods: 3}}
`,
      file,
    );
    const { measured, cluster } = await run(workload);
    expect(measured[0]?.bound).toBeGreaterThan(3);
    expect(cluster.utilisation.used).toBe(0);
  });
});
