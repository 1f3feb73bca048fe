/** A deployment that burns CPU grows and shrinks by what its containers really use, under real kubectl. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestCluster } from '../support/cluster.ts';
import { newTraces, traces } from '../support/machine.ts';
import { until } from '../support/until.ts';

const manifest = join(
  import.meta.dirname,
  '..',
  '..',
  'examples',
  'horizontalpodautoscaler',
  'horizontalpodautoscaler.yaml',
);
const config = `plugins:
  controller-horizontalpodautoscaler:
    config:
      syncPeriodMs: 1000
      cpuInitializationPeriodMs: 5000
      initialReadinessDelayMs: 1000
      downscaleStabilizationMs: 5000
  metrics-resource:
    config:
      intervalMs: 1000
`;

interface Autoscaler {
  readonly status: {
    readonly currentReplicas: number;
    readonly desiredReplicas: number;
    readonly currentMetrics?:
      | readonly { readonly resource?: { readonly current: { readonly averageUtilization: number } } }[]
      | null;
    readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
  };
}

/** Asks a server all the time, `perSecond` times, until it is stopped. */
function load(url: string, perSecond: number): { stop: () => Promise<void> } {
  const running = new Set<Promise<unknown>>();
  const timer = setInterval(() => {
    const one: Promise<unknown> = fetch(url, { signal: AbortSignal.timeout(2000) })
      .then((response) => response.text())
      .catch(() => undefined)
      .finally(() => running.delete(one));
    running.add(one);
  }, 1000 / perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
    },
  };
}

describe('autoscaling under kubectl', () => {
  const files = mkdtempSync(join(tmpdir(), 'timonel-autoscaling-'));
  let before: readonly string[];
  let cluster: TestCluster;

  const ok = (...args: string[]): Promise<string> => cluster.mustKubectl(args);
  const autoscaler = async (): Promise<Autoscaler> =>
    JSON.parse(await ok('get', 'hpa', 'burner', '-o', 'json')) as Autoscaler;
  const reasonOf = async (type: string): Promise<string | undefined> =>
    (await autoscaler()).status.conditions.find((condition) => condition.type === type)?.reason;
  const readyPods = async (): Promise<number> =>
    Number(await ok('get', 'deployment', 'burner', '-o', 'jsonpath={.status.readyReplicas}')) || 0;
  const grownTo = (count: number): Promise<unknown> =>
    until(async () => (await readyPods()) === count, {
      what: `${count} ready pods of the deployment`,
      timeoutMs: 90_000,
      intervalMs: 500,
    });

  beforeAll(async () => {
    before = traces();
    const file = join(files, 'timonel.yaml');
    writeFileSync(file, config);
    cluster = await TestCluster.start({ args: ['--config', file] });
  }, 120_000);
  afterAll(async () => {
    await cluster?.dispose();
    rmSync(files, { recursive: true, force: true });
    expect(newTraces(before)).toEqual([]);
  }, 60_000);

  it('grows under load as far as it may, and shrinks without', async () => {
    await ok('apply', '-f', manifest);
    await grownTo(1);
    await until(async () => (await reasonOf('ScalingActive')) === 'ValidMetricFound', {
      what: 'metrics',
      timeoutMs: 60_000,
    });
    const address = (await ok('get', 'service', 'burner', '-o', 'jsonpath={.spec.clusterIP}')).trim();
    const { stop } = load(`http://${address}/`, 6);
    try {
      await grownTo(3);
      await until(async () => (await reasonOf('ScalingLimited')) === 'TooManyReplicas', {
        what: 'the limit',
        timeoutMs: 30_000,
      });
      const { status } = await autoscaler();
      expect(status.currentMetrics?.[0]?.resource?.current.averageUtilization).toBeGreaterThan(60);
      expect(await ok('get', 'hpa', 'burner')).toMatch(
        /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nburner +Deployment\/burner +cpu: \d+%\/60% +1 +3 +3 /,
      );
      const why = await cluster.timonel('why', 'hpa/burner');
      expect(why.stdout).toContain('raise spec.maxReplicas');
    } finally {
      await stop();
    }
    await grownTo(1);
    const described = await ok('describe', 'hpa', 'burner');
    expect(described).toMatch(
      /SuccessfulRescale .*New size: 2; reason: cpu resource utilization \(percentage of request\) above target/,
    );
    expect(described).toMatch(/SuccessfulRescale .*reason: All metrics below target/);
  }, 240_000);

  it('does what kubectl autoscale asks for', async () => {
    await ok('delete', 'hpa', 'burner');
    await ok('autoscale', 'deployment', 'burner', '--cpu=80%', '--min=2', '--max=4');
    await grownTo(2);
    await until(async () => (await ok('get', 'hpa', 'burner')).includes('%/80%'), {
      what: 'figures',
      timeoutMs: 30_000,
    });
    expect((await autoscaler()).status.desiredReplicas).toBe(2);
    expect(
      await ok(
        'get',
        'horizontalpodautoscalers.v1.autoscaling',
        'burner',
        '-o',
        'jsonpath={.spec.targetCPUUtilizationPercentage}',
      ),
    ).toBe('80');
  }, 120_000);
});
