/** kubectl top with containers that burn CPU; /metrics and health by kubectl get --raw. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { burner } from '../support/burner.ts';
import { runProgram, TestCluster, type RunResult } from '../support/cluster.ts';
import { kubernetesTools } from '../support/kubectl.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

/** Half of the time busy, half asleep; beside it a container that does nothing. */
const pod = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'burner', labels: { app: 'burner' } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'busy',
        image: 'timonel.local/node:host',
        command: ['node', '-e'],
        args: [burner],
      },
      { name: 'idle', image: 'timonel.local/node:host', command: ['node', '-e', 'setInterval(() => {}, 1e6)'] },
    ],
  },
};

/** The cells of one line of a table, by the beginning of the line. */
function line(text: string, ...start: string[]): string[] | undefined {
  const rows = text.split('\n').map((row) => row.trim().split(/ +/));
  return rows.find((cells) => start.every((cell, index) => cells[index] === cell));
}

describe('kubectl top', () => {
  let before: readonly string[];
  let cluster: TestCluster;
  let tool: string;

  const kubectl = (...args: string[]): Promise<RunResult> => cluster.kubectl(args);
  const ok = (...args: string[]): Promise<string> => cluster.mustKubectl(args);

  beforeAll(async () => {
    tool = (await kubernetesTools()).kubectl;
    before = traces();
    cluster = await TestCluster.start();
    const env = { KUBECONFIG: cluster.kubeconfig };
    const applied = await runProgram(tool, ['apply', '-f', '-'], { env, input: JSON.stringify(pod) });
    if (applied.status !== 0) throw new Error(applied.stderr);
    await ok('wait', '--for=condition=Ready', 'pod/burner', '--timeout=60s');
  }, 360_000);
  afterAll(async () => {
    await cluster?.dispose();
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('shows what the containers of a pod use', async () => {
    const top = await until(
      async () => {
        const { stdout } = await kubectl('top', 'pod', 'burner', '--containers');
        return line(stdout, 'burner', 'busy') === undefined ? undefined : stdout;
      },
      { what: 'figures of the pod', timeoutMs: 90_000 },
    );
    const [, , cpu = '', memory = ''] = line(top, 'burner', 'busy') ?? [];
    const [, , idleCpu = '', idleMemory = ''] = line(top, 'burner', 'idle') ?? [];
    for (const text of [cpu, idleCpu]) expect(text).toMatch(/^\d+m$/);
    for (const text of [memory, idleMemory]) expect(text).toMatch(/^\d+Mi$/);
    // 50 of every 100 ms or a little more; less when other tests want the machine.
    expect(Number.parseInt(cpu, 10)).toBeGreaterThan(100);
    expect(Number.parseInt(cpu, 10)).toBeLessThan(800);
    expect(Number.parseInt(idleCpu, 10)).toBeLessThan(100);
    expect(Number.parseInt(memory, 10)).toBeGreaterThan(5);
    expect(Number.parseInt(memory, 10)).toBeLessThan(500);
  }, 120_000);

  it('selects, sums and sorts pods', async () => {
    expect(line(await ok('top', 'pods', '-A', '-l', 'app=burner'), 'default', 'burner')).toHaveLength(4);
    const sum = await ok('top', 'pods', '--sum', '--sort-by=cpu');
    expect(sum.trim().split('\n').at(-1)).toMatch(/^\s*\d+m\s+\d+Mi\s*$/);
    const none = await kubectl('top', 'pods', '-l', 'app=none');
    expect(none.stderr).toContain('No resources found');
    expect((await kubectl('top', 'pod', 'none')).stderr).toContain('NotFound');
  }, 60_000);

  it('shows what nodes use, and which part of them that is', async () => {
    const cells = line(await ok('top', 'nodes'), 'node-1');
    expect(cells).toHaveLength(5);
    const [, cpu = '', cpuPart = '', memory = '', memoryPart = ''] = cells ?? [];
    expect(Number.parseInt(cpu, 10)).toBeGreaterThan(100);
    expect(cpuPart).toMatch(/^\d+%$/);
    expect(memory).toMatch(/^\d+Mi$/);
    expect(memoryPart).toMatch(/^\d+%$/);
    const table = await ok('get', 'nodes.metrics.k8s.io');
    expect(table).toMatch(/^NAME +CPU +MEMORY +WINDOW\n/);
    expect(line(table, 'node-1')?.[3]).toMatch(/^\d+(?:\.\d+)?s$/);
    expect(await ok('explain', 'podmetrics', '--api-version=metrics.k8s.io/v1beta1')).toContain('containers');
  }, 60_000);

  it('shows health and metrics by get --raw', async () => {
    expect(await ok('get', '--raw=/readyz?verbose')).toMatch(
      /^\[\+\]ping ok\n\[\+\]store ok\n(.*\n)*readyz check passed\n$/,
    );
    expect(await ok('get', '--raw=/livez')).toBe('ok');
    expect(await ok('get', '--raw=/readyz/store')).toBe('ok');
    expect(await ok('cluster-info')).toContain('Kubernetes control plane');
    expect(await ok('get', 'componentstatuses')).toMatch(/store +Healthy/);
    const metrics = await ok('get', '--raw=/metrics');
    expect(metrics).toMatch(/^apiserver_request_total\{verb="LIST",.*group="metrics.k8s.io".*\} \d+$/m);
    expect(metrics).toMatch(/^process_cpu_seconds_total \d/m);
    expect(metrics).toMatch(/^timonel_plugin_state\{plugin="metrics-resource",state="running"\} 1$/m);
  }, 60_000);
});
