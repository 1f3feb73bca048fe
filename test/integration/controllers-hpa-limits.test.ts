/** The horizontal pod autoscaler on the real API server: when it does not scale, restarts, refusals. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { deployments, horizontalPodAutoscalers, type MetricSpec } from '@timonel/sdk/kube';
import { inOrder } from './controllers-cluster.ts';
import { HpaBed, minuteMs, periodMs } from './hpa-bed/bed.ts';
import { counts, loads, refused, silent } from './hpa-bed/metrics.ts';

let bed: HpaBed;
beforeAll(async () => {
  bed = await HpaBed.start();
}, 30_000);
afterAll(async () => {
  await bed[Symbol.asyncDispose]();
});
afterEach(() => {
  loads.clear();
  silent.clear();
});

describe('what cannot be scaled', () => {
  it('without metrics it says so, and touches nothing', async () => {
    const at = await bed.workload(2);
    await bed.scaledBy(at, {});
    await bed.saying(at, 'ScalingActive', 'False FailedGetResourceMetric');
    await bed.clock.advance(20 * minuteMs);
    await bed.cluster.quiet();
    expect(await bed.replicasOf(at)).toBe(2);
    const events = await bed.cluster.eventsOf(await bed.read(at));
    expect(inOrder(events.map(({ reason }) => reason))).toEqual([
      'FailedComputeMetricsReplicas',
      'FailedGetResourceMetric',
    ]);
    for (const { count = 1 } of events) expect(count).toBeLessThanOrEqual(3);
  });

  it('pods without a request', async () => {
    const at = await bed.workload(1, null);
    loads.set(at.namespace, { cpu: 100 });
    await bed.scaledBy(at, {});
    await bed.saying(at, 'ScalingActive', 'False FailedGetResourceMetric');
    await bed.told(at, /missing request for cpu in container main of Pod web-/);
  });

  it('a metric that is never answered holds nothing up but its own autoscaler', async () => {
    const at = await bed.workload(1);
    const queue = { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } };
    const metrics: MetricSpec[] = [{ type: 'External', external: queue }];
    silent.add(at.namespace);
    await bed.scaledBy(at, { metrics });
    const other = await bed.workload(1);
    loads.set(other.namespace, { queue: 20 });
    await bed.scaledBy(other, { metrics });
    await bed.ready(other, 2);
    await bed.clock.advance(1000);
    await bed.saying(at, 'ScalingActive', 'False FailedGetExternalMetric');
    await bed.told(at, /no answer within 1000 ms/);
  });

  it('a target at zero stays there until somebody scales it', async () => {
    const at = await bed.workload(0);
    loads.set(at.namespace, { cpu: 100 });
    await bed.scaledBy(at, { minReplicas: 2 });
    await bed.saying(at, 'ScalingActive', 'False ScalingDisabled');
    await bed.cluster.api.patch(deployments, at, { type: 'merge', body: { spec: { replicas: 1 } } });
    await bed.clock.advance(periodMs);
    await bed.ready(at, 2);
  });

  it('two autoscalers of the same pods', async () => {
    const at = await bed.workload(2);
    loads.set(at.namespace, { cpu: 2000 });
    await bed.scaledBy(at, {});
    await bed.ready(at, 4);
    await bed.scaledBy(at, {}, 'other');
    await bed.clock.advance(periodMs);
    for (const name of ['web', 'other']) {
      await bed.saying({ ...at, name }, 'ScalingActive', 'False AmbiguousSelector');
    }
    expect(await bed.replicasOf(at)).toBe(4);
  });

  it.each([
    ['there is none', { apiVersion: 'apps/v1', kind: 'Deployment', name: 'none' }, 'deployments.apps "none" not found'],
    [
      'a kind that nobody serves',
      { apiVersion: 'example.com/v1', kind: 'Toy', name: 'x' },
      'no matches for kind "Toy" in group "example.com"',
    ],
    [
      'a kind without replicas',
      { apiVersion: 'v1', kind: 'ConfigMap', name: 'x' },
      'the kind "ConfigMap" has no subresource scale',
    ],
  ])('the target: %s', async (_, scaleTargetRef, message) => {
    const namespace = await bed.cluster.namespace('hpa');
    const at = { namespace, name: 'web' };
    await bed.scaledBy(at, { scaleTargetRef });
    await bed.saying(at, 'AbleToScale', 'False FailedGetScale');
    await bed.told(at, /^FailedGetScale: /);
    expect(await bed.eventsOf(at)).toEqual([`FailedGetScale: ${message}`]);
  });

  it('a deleted autoscaler is forgotten, and leaves its target as it is', async () => {
    const at = await bed.workload(2);
    loads.set(at.namespace, { cpu: 1000 });
    await bed.scaledBy(at, {});
    await bed.saying(at, 'ScalingActive', 'True ValidMetricFound');
    await bed.cluster.api.delete(horizontalPodAutoscalers, at);
    loads.set(at.namespace, { cpu: 9000 });
    await bed.clock.advance(5 * periodMs);
    await bed.cluster.quiet();
    expect(await bed.replicasOf(at)).toBe(2);
  });
});

describe('after a restart', () => {
  it('works again, even if it was switched off while a metric was not answered', async () => {
    const at = await bed.workload(1);
    const queue = { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } };
    silent.add(at.namespace);
    const before = counts.unanswered;
    await bed.scaledBy(at, { metrics: [{ type: 'External', external: queue }] });
    await bed.cluster.until('the metric to be counts.asked for', () => counts.unanswered > before);
    const restarted = bed.restart();
    await bed.clock.advance(1000);
    await restarted;
    silent.clear();
    loads.set(at.namespace, { queue: 30 });
    await bed.clock.advance(periodMs);
    await bed.ready(at, 3);
  }, 30_000);

  it('shrinks nothing before it has seen a whole window', async () => {
    const at = await bed.workload(4);
    loads.set(at.namespace, { cpu: 2000 });
    await bed.scaledBy(at, {});
    await bed.saying(at, 'AbleToScale', 'True ReadyForNewScale');
    await bed.clock.advance(6 * minuteMs);
    loads.set(at.namespace, { cpu: 100 });
    await bed.restart();
    for (let n = 0; n < 4; n += 1) await bed.clock.advance(minuteMs);
    await bed.cluster.quiet();
    expect(await bed.replicasOf(at)).toBe(4);
    await bed.clock.advance(2 * minuteMs);
    await bed.ready(at, 1);
  }, 30_000);

  it('grows no faster, however often it is restarted', async () => {
    const at = await bed.workload(1);
    loads.set(at.namespace, { queue: 1000 });
    const queue = { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } };
    await bed.scaledBy(at, { maxReplicas: 50, metrics: [{ type: 'External', external: queue }] });
    await bed.ready(at, 4);
    for (let n = 0; n < 3; n += 1) {
      await bed.restart();
      await bed.cluster.quiet();
    }
    expect(await bed.replicasOf(at)).toBe(4);
    await bed.clock.advance(periodMs);
    await bed.ready(at, 8);
  }, 30_000);
});

it('a refused change is told, and tried again', async () => {
  const at = await bed.workload(1);
  refused.add(at.namespace);
  loads.set(at.namespace, { cpu: 1000 });
  await bed.scaledBy(at, {});
  await bed.saying(at, 'AbleToScale', 'False FailedUpdateScale');
  await bed.told(at, /^FailedRescale: New size: 2; reason: cpu .* above target; error: .*frozen/);
  refused.clear();
  await bed.clock.advance(periodMs);
  await bed.ready(at, 2);
  await bed.told(at, /^SuccessfulRescale: New size: 2/);
  expect(await bed.said(at, 'AbleToScale')).toMatch(/^True /);
});
