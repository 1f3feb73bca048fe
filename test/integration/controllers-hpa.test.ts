/** The horizontal pod autoscaler on the real API server: what it scales by. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { explainers } from '@timonel/sdk/contracts/why';
import {
  horizontalPodAutoscalers,
  replicaSets,
  replicationControllers,
  services,
  statefulSets,
  type KubeObject,
  type MetricSpec,
  type Scale,
} from '@timonel/sdk/kube';
import { deploymentOf } from './controllers-cluster.ts';
import { cpuAt, HpaBed, minuteMs, periodMs } from './hpa-bed/bed.ts';
import { counts, loads, silent, type Load } from './hpa-bed/metrics.ts';

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

describe('by cpu', () => {
  it('grows with the load, shrinks after the stabilisation window, and rests', async () => {
    const at = await bed.workload(2);
    loads.set(at.namespace, { cpu: 2000 });
    await bed.scaledBy(at, {});
    await bed.ready(at, 4);
    expect((await bed.read(at)).status).toMatchObject({
      currentReplicas: 2,
      desiredReplicas: 4,
      lastScaleTime: expect.any(String),
    });
    await bed.told(
      at,
      /^SuccessfulRescale: New size: 4; reason: cpu resource utilization \(percentage of request\) above target$/,
    );
    await bed.clock.advance(periodMs);
    await bed.saying(at, 'AbleToScale', 'True ReadyForNewScale');
    expect((await bed.read(at)).status).toMatchObject({
      currentReplicas: 4,
      currentMetrics: [
        { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '500m' } } },
      ],
    });
    loads.set(at.namespace, { cpu: 400 });
    await bed.clock.advance(periodMs);
    await bed.saying(at, 'AbleToScale', 'True ScaleDownStabilized');
    await bed.clock.advance(4 * minuteMs);
    await bed.cluster.quiet();
    expect(await bed.replicasOf(at)).toBe(4);
    await bed.clock.advance(minuteMs + 2 * periodMs);
    await bed.ready(at, 1);
    await bed.told(at, /^SuccessfulRescale: New size: 1; reason: All metrics below target$/);
    await bed.clock.advance(2 * periodMs);
    await bed.cluster.quiet();
    const changes = bed.cluster.record(horizontalPodAutoscalers, at.namespace);
    await bed.cluster.until('the present state', () => changes.length > 0);
    const before = counts.asked;
    await bed.clock.advance(4 * minuteMs);
    await bed.cluster.quiet();
    expect(counts.asked).toBeGreaterThan(before + 10);
    expect(changes).toHaveLength(1);
  }, 30_000);

  it('obeys the rates of its behaviour', async () => {
    const at = await bed.workload(1);
    loads.set(at.namespace, { cpu: 100_000 });
    const policies = [{ type: 'Pods', value: 2, periodSeconds: 60 }];
    await bed.scaledBy(at, {
      behavior: { scaleUp: { policies }, scaleDown: { policies, stabilizationWindowSeconds: 0 } },
    });
    await bed.ready(at, 3);
    for (let n = 0; n < 3; n += 1) await bed.clock.advance(periodMs);
    await bed.cluster.quiet();
    expect(await bed.replicasOf(at)).toBe(3);
    expect(await bed.said(at, 'ScalingLimited')).toBe('True ScaleUpLimit');
    await bed.clock.advance(2 * periodMs);
    await bed.ready(at, 5);
    loads.set(at.namespace, { cpu: 2500 });
    await bed.clock.advance(5 * periodMs);
    await bed.cluster.quiet();
    loads.set(at.namespace, { cpu: 100 });
    await bed.clock.advance(periodMs);
    await bed.ready(at, 3);
  }, 30_000);

  it.each([
    ['everything that may be absent', { behavior: null as never, minReplicas: null as never }],
    ['parts of the behaviour', { behavior: { scaleUp: { tolerance: null as never }, scaleDown: null as never } }],
  ])('takes nulls of clients for what is absent: %s', async (_, spec) => {
    const at = await bed.workload(2);
    loads.set(at.namespace, { cpu: 2000 });
    const target = { type: 'Utilization', averageUtilization: 50, averageValue: null as never, value: null as never };
    const sources = { object: null as never, external: null as never, containerResource: null as never };
    const metric: MetricSpec = { type: 'Resource', resource: { name: 'cpu', target }, ...sources };
    await bed.scaledBy(at, { ...spec, metrics: [metric] });
    await bed.ready(at, 4);
  });

  it('is brought into new bounds at once', async () => {
    const at = await bed.workload(3);
    loads.set(at.namespace, { cpu: 1500 });
    await bed.scaledBy(at, {});
    await bed.saying(at, 'ScalingActive', 'True ValidMetricFound');
    await bed.cluster.api.patch(horizontalPodAutoscalers, at, { type: 'merge', body: { spec: { maxReplicas: 2 } } });
    await bed.ready(at, 2);
    await bed.told(at, /^SuccessfulRescale: New size: 2; reason: Current number of replicas above Spec\.MaxReplicas$/);
  });

  it('is explained by `timonel why`', async () => {
    const at = await bed.workload(1);
    loads.set(at.namespace, { cpu: 5000 });
    await bed.scaledBy(at, { maxReplicas: 2 });
    await bed.ready(at, 2);
    await bed.saying(at, 'ScalingLimited', 'True TooManyReplicas');
    const object = { group: 'autoscaling', resource: 'horizontalpodautoscalers', ...at };
    const answers = await Promise.all(
      bed.cluster.server.kernel
        .service(explainers)
        .all()
        .map(({ service }) => service.explain(object)),
    );
    expect(answers.find((answer) => answer !== undefined)).toMatchObject({
      causes: [{ code: 'TooManyReplicas', unblock: 'raise spec.maxReplicas' }],
      decisions: [{ outcome: 'patch', text: expect.stringContaining('from 1 to 2 replicas') }],
    });
  });
});

describe('by other metrics', () => {
  const cases: [string, Load, MetricSpec, number][] = [
    [
      'an average of the pods',
      { requests: 30 },
      { type: 'Pods', pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '10' } } },
      3,
    ],
    [
      'a value of another object',
      { hits: 25 },
      {
        type: 'Object',
        object: {
          describedObject: { apiVersion: 'v1', kind: 'Service', name: 'front' },
          metric: { name: 'hits' },
          target: { type: 'Value', value: '10' },
        },
      },
      3,
    ],
    [
      'the sum of an external metric',
      { queue: 38 },
      {
        type: 'External',
        external: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } },
      },
      4,
    ],
    [
      'memory of one container',
      { cpu: 0, memory: '20Mi' },
      {
        type: 'ContainerResource',
        containerResource: {
          name: 'memory',
          container: 'main',
          target: { type: 'AverageValue', averageValue: '10Mi' },
        },
      },
      2,
    ],
  ];
  it.each(cases)('%s', async (_, load, metric, replicas) => {
    const at = await bed.workload(1);
    loads.set(at.namespace, load);
    if (metric.object !== undefined) {
      const metadata = { namespace: at.namespace, name: metric.object.describedObject.name };
      await bed.cluster.api.create(services, { metadata, spec: { ports: [{ port: 80 }] } });
    }
    await bed.scaledBy(at, { metrics: [metric] });
    await bed.ready(at, replicas);
    expect((await bed.read(at)).status?.currentMetrics?.[0]?.type).toBe(metric.type);
  });

  it('never shrinks while one of them fails, and says which', async () => {
    const at = await bed.workload(3);
    loads.set(at.namespace, { cpu: 10 });
    const pod: MetricSpec = {
      type: 'Pods',
      pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '10' } },
    };
    await bed.scaledBy(at, { metrics: [cpuAt(50), pod], behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } });
    await bed.saying(at, 'ScalingActive', 'False FailedGetPodsMetric');
    expect((await bed.read(at)).status?.conditions?.find(({ type }) => type === 'ScalingActive')?.message).toBe(
      'the HPA was unable to compute the replica count: unable to get metric requests: the adapter is down',
    );
    for (let n = 0; n < 4; n += 1) await bed.clock.advance(periodMs);
    await bed.cluster.quiet();
    expect(await bed.replicasOf(at)).toBe(3);
    loads.set(at.namespace, { cpu: 10, requests: 1 });
    await bed.clock.advance(periodMs);
    await bed.ready(at, 1);
  });
});

describe('of other kinds', () => {
  it.each([
    ['ReplicaSet', 'apps/v1', replicaSets],
    ['StatefulSet', 'apps/v1', statefulSets],
    ['ReplicationController', 'v1', replicationControllers],
  ] as const)('%s', async (kind, apiVersion, type) => {
    const namespace = await bed.cluster.namespace('hpa');
    const at = { namespace, name: 'db' };
    const { selector, template } = deploymentOf('db', 1).spec;
    const spec = { replicas: 1, selector: apiVersion === 'v1' ? selector.matchLabels : selector, template };
    await bed.cluster.api.create<KubeObject>(type, { metadata: at, spec } as KubeObject);
    loads.set(namespace, { queue: 30 });
    const queue = { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } };
    await bed.scaledBy(at, {
      scaleTargetRef: { apiVersion, kind, name: 'db' },
      metrics: [{ type: 'External', external: queue }],
    });
    await bed.cluster.until('3 replicas', async () => {
      const scale: Scale = await bed.cluster.api.getSubresource(type, at, 'scale');
      return scale.spec?.replicas === 3;
    });
  });
});
