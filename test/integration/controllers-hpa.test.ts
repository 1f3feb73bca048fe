/** The horizontal pod autoscaler on the real API server, with metrics that the tests set, on a clock that jumps. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiHooks, resourceProvider, type ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { externalMetrics, objectMetrics } from '@timonel/sdk/contracts/metrics';
import { explainers } from '@timonel/sdk/contracts/why';
import { findCondition } from '@timonel/sdk/controller';
import {
  deployments,
  horizontalPodAutoscalers,
  podMetrics,
  pods,
  replicaSets,
  replicationControllers,
  services,
  statefulSets,
  timestampOf,
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerSpec,
  type KubeObject,
  type MetricSpec,
  type Pod,
  type PodMetrics,
  type Scale,
} from '@timonel/sdk/kube';
import autoscaler from '@timonel/plugin-controller-horizontalpodautoscaler';
import deploymentController from '@timonel/plugin-controller-deployment';
import gcController from '@timonel/plugin-controller-gc';
import replicaSetController from '@timonel/plugin-controller-replicaset';
import { Clock } from '../conformance/support/clock.ts';
import { startCluster, type Cluster } from '../conformance/support/cluster.ts';
import { deploymentOf, inOrder } from './controllers-cluster.ts';

/** What is measured, by namespace: thousandths of a core that all pods share, values of others. */
interface Load {
  cpu?: number;
  memory?: string;
  requests?: number;
  queue?: number;
  hits?: number;
}
const loads = new Map<string, Load>();
/** Namespaces in which nothing may be scaled. */
const refused = new Set<string>();
/** Namespaces for which the metrics are never answered. */
const silent = new Set<string>();
let asked = 0;
let unanswered = 0;

function samplesOf(all: readonly Pod[], nowMs: number): PodMetrics[] {
  return all.flatMap((pod) => {
    const { namespace = '', name = '' } = pod.metadata;
    const { cpu, memory = '1Mi' } = loads.get(namespace) ?? {};
    if (cpu === undefined || pod.status?.phase !== 'Running') return [];
    const running = all.filter((one) => one.metadata.namespace === namespace && one.status?.phase === 'Running');
    const usage = { cpu: `${Math.round((cpu / running.length) * 1e6)}n`, memory };
    return [
      {
        metadata: { namespace, name },
        timestamp: timestampOf(nowMs),
        window: '0s',
        containers: [{ name: 'main', usage }],
      },
    ];
  });
}

/** Serves metrics.k8s.io, and offers custom and external metrics. */
const metrics: AnyPlugin = definePlugin({
  name: 'test-metrics',
  version: '0.1.0',
  apiVersion: 1,
  description: 'for tests',
  provides: { resources: resourceProvider, objects: objectMetrics, external: externalMetrics },
  optional: { api: apiClient },
  setup(ctx) {
    const { deps, env } = ctx;
    ctx.tap(apiHooks.objectValidate, (_, { user, kind, namespace = '' }) =>
      kind === 'Deployment' && user.username === 'system:timonel' && refused.has(namespace)
        ? [{ field: 'spec.replicas', reason: 'FieldValueForbidden', message: 'the namespace is frozen' }]
        : [],
    );
    const definition: ResourceDefinition = {
      ...podMetrics,
      schema: '',
      singular: '',
      shortNames: [],
      categories: [],
      generation: false,
      status: false,
      scale: undefined,
      subresources: {},
      columns: [],
      strategy: {},
      async listed() {
        asked += 1;
        const all = await deps.api.current?.list(pods);
        return samplesOf(all?.items ?? [], env.clock.now());
      },
    };
    const definitions = [definition];
    const time = (): number => env.clock.now();
    return {
      provides: {
        resources: { definitions: () => definitions, schemas: () => ({}) },
        objects: {
          offered: () => [
            { group: '', resource: 'pods', metric: 'requests', namespaced: true },
            { group: '', resource: 'services', metric: 'hits', namespaced: true },
          ],
          values: async ({ namespace = '', names, metric }) => {
            const { requests, hits } = loads.get(namespace) ?? {};
            const value = metric === 'hits' ? hits : requests;
            if (value === undefined) throw new Error('the adapter is down');
            return names.map((name) => ({ name, value, time: time() }));
          },
        },
        external: {
          offered: () => ['queue'],
          values: async ({ namespace }) => {
            if (silent.has(namespace)) {
              unanswered += 1;
              await new Promise(() => undefined);
            }
            const { queue } = loads.get(namespace) ?? {};
            return queue === undefined ? [] : [1, 2].map(() => ({ value: queue / 2, time: time() }));
          },
        },
      },
    };
  },
});

const period = 15_000;
const minutes = 60_000;
let cluster: Cluster;
let clock: Clock;

beforeAll(async () => {
  clock = new Clock(Date.UTC(2030, 0, 1));
  cluster = await startCluster({
    controllers: [autoscaler, deploymentController, replicaSetController, gcController],
    plugins: [metrics],
    config: { [autoscaler.name]: { metricTimeoutMs: 1000 } },
    nodes: 0,
    clock,
  });
}, 30_000);
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});
afterEach(() => {
  loads.clear();
  silent.clear();
});

interface Subject {
  readonly namespace: string;
  readonly name: string;
}

async function workload(replicas: number, cpu: string | null = '1'): Promise<Subject> {
  const namespace = await cluster.namespace('hpa');
  const { spec } = deploymentOf('web', replicas);
  const resources = cpu === null ? {} : { resources: { requests: { cpu } } };
  const containers = [{ name: 'main', image: 'web:1', ...resources }];
  await cluster.api.create(deployments, {
    metadata: { namespace, name: 'web' },
    spec: { ...spec, template: { ...spec.template, spec: { containers } } },
  });
  const at = { namespace, name: 'web' };
  await ready(at, replicas);
  return at;
}

async function ready(at: Subject, replicas: number): Promise<void> {
  await cluster.until(`${replicas} replicas`, async () => {
    const { spec, status } = await cluster.api.get(deployments, at);
    return (
      spec.replicas === replicas && (status?.readyReplicas ?? 0) === replicas && status?.replicas === spec.replicas
    );
  });
  await cluster.quiet();
}

const cpuAt = (averageUtilization: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

async function scaledBy(
  at: Subject,
  spec: Partial<HorizontalPodAutoscalerSpec>,
  name: string = at.name,
): Promise<void> {
  await cluster.api.create(horizontalPodAutoscalers, {
    metadata: { namespace: at.namespace, name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: at.name },
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [cpuAt(50)],
      ...spec,
    },
  });
}

const read = (at: Subject): Promise<HorizontalPodAutoscaler> => cluster.api.get(horizontalPodAutoscalers, at);

/** `True ValidMetricFound`. */
async function said(at: Subject, type: string): Promise<string> {
  const condition = findCondition((await read(at)).status?.conditions, type);
  return `${condition?.status} ${condition?.reason}`;
}

const saying = (at: Subject, type: string, wanted: string): Promise<unknown> =>
  cluster.until(`${type} to be ${wanted}`, async () => (await said(at, type)) === wanted);

async function eventsOf(at: Subject): Promise<string[]> {
  return (await cluster.eventsOf(await read(at))).map(({ reason, message }) => `${reason}: ${message}`);
}

describe('by cpu', () => {
  it('grows with the load, shrinks after the stabilisation window, and rests', async () => {
    const at = await workload(2);
    loads.set(at.namespace, { cpu: 2000 });
    await scaledBy(at, {});
    await ready(at, 4);
    expect((await read(at)).status).toMatchObject({
      currentReplicas: 2,
      desiredReplicas: 4,
      lastScaleTime: expect.any(String),
    });
    expect(await eventsOf(at)).toContain(
      'SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target',
    );
    await clock.advance(period);
    await saying(at, 'AbleToScale', 'True ReadyForNewScale');
    expect((await read(at)).status).toMatchObject({
      currentReplicas: 4,
      currentMetrics: [
        { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '500m' } } },
      ],
    });
    loads.set(at.namespace, { cpu: 400 });
    await clock.advance(period);
    await saying(at, 'AbleToScale', 'True ScaleDownStabilized');
    await clock.advance(4 * minutes);
    await cluster.quiet();
    expect((await cluster.api.get(deployments, at)).spec.replicas).toBe(4);
    await clock.advance(minutes + 2 * period);
    await ready(at, 1);
    expect(await eventsOf(at)).toContain('SuccessfulRescale: New size: 1; reason: All metrics below target');
    await clock.advance(2 * period);
    await cluster.quiet();
    const changes = cluster.record(horizontalPodAutoscalers, at.namespace);
    await cluster.until('the present state', () => changes.length > 0);
    const before = asked;
    await clock.advance(4 * minutes);
    await cluster.quiet();
    expect(asked).toBeGreaterThan(before + 10);
    expect(changes).toHaveLength(1);
  }, 30_000);

  it('obeys the rates of its behaviour', async () => {
    const at = await workload(1);
    loads.set(at.namespace, { cpu: 100_000 });
    const policies = [{ type: 'Pods', value: 2, periodSeconds: 60 }];
    await scaledBy(at, { behavior: { scaleUp: { policies }, scaleDown: { policies, stabilizationWindowSeconds: 0 } } });
    await ready(at, 3);
    for (let n = 0; n < 3; n += 1) await clock.advance(period);
    await cluster.quiet();
    expect((await cluster.api.get(deployments, at)).spec.replicas).toBe(3);
    expect(await said(at, 'ScalingLimited')).toBe('True ScaleUpLimit');
    await clock.advance(2 * period);
    await ready(at, 5);
    loads.set(at.namespace, { cpu: 2500 });
    await clock.advance(5 * period);
    await cluster.quiet();
    loads.set(at.namespace, { cpu: 100 });
    await clock.advance(period);
    await ready(at, 3);
  }, 30_000);

  it('is brought into new bounds at once', async () => {
    const at = await workload(3);
    loads.set(at.namespace, { cpu: 1500 });
    await scaledBy(at, {});
    await saying(at, 'ScalingActive', 'True ValidMetricFound');
    await cluster.api.patch(horizontalPodAutoscalers, at, { type: 'merge', body: { spec: { maxReplicas: 2 } } });
    await ready(at, 2);
    expect(await eventsOf(at)).toContain(
      'SuccessfulRescale: New size: 2; reason: Current number of replicas above Spec.MaxReplicas',
    );
  });

  it('is explained by `timonel why`', async () => {
    const at = await workload(1);
    loads.set(at.namespace, { cpu: 5000 });
    await scaledBy(at, { maxReplicas: 2 });
    await ready(at, 2);
    await saying(at, 'ScalingLimited', 'True TooManyReplicas');
    const object = { group: 'autoscaling', resource: 'horizontalpodautoscalers', ...at };
    const answers = await Promise.all(
      cluster.server.kernel
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
    const at = await workload(1);
    loads.set(at.namespace, load);
    if (metric.object !== undefined) {
      const metadata = { namespace: at.namespace, name: metric.object.describedObject.name };
      await cluster.api.create(services, { metadata, spec: { ports: [{ port: 80 }] } });
    }
    await scaledBy(at, { metrics: [metric] });
    await ready(at, replicas);
    expect((await read(at)).status?.currentMetrics?.[0]?.type).toBe(metric.type);
  });

  it('never shrinks while one of them fails, and says which', async () => {
    const at = await workload(3);
    loads.set(at.namespace, { cpu: 10 });
    const pod: MetricSpec = {
      type: 'Pods',
      pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue: '10' } },
    };
    await scaledBy(at, { metrics: [cpuAt(50), pod], behavior: { scaleDown: { stabilizationWindowSeconds: 0 } } });
    await saying(at, 'ScalingActive', 'False FailedGetPodsMetric');
    expect((await read(at)).status?.conditions?.find(({ type }) => type === 'ScalingActive')?.message).toBe(
      'the HPA was unable to compute the replica count: unable to get metric requests: the adapter is down',
    );
    for (let n = 0; n < 4; n += 1) await clock.advance(period);
    await cluster.quiet();
    expect((await cluster.api.get(deployments, at)).spec.replicas).toBe(3);
    loads.set(at.namespace, { cpu: 10, requests: 1 });
    await clock.advance(period);
    await ready(at, 1);
  });
});

describe('of other kinds', () => {
  it.each([
    ['ReplicaSet', 'apps/v1', replicaSets],
    ['StatefulSet', 'apps/v1', statefulSets],
    ['ReplicationController', 'v1', replicationControllers],
  ] as const)('%s', async (kind, apiVersion, type) => {
    const namespace = await cluster.namespace('hpa');
    const at = { namespace, name: 'db' };
    const { selector, template } = deploymentOf('db', 1).spec;
    const spec = { replicas: 1, selector: apiVersion === 'v1' ? selector.matchLabels : selector, template };
    await cluster.api.create<KubeObject>(type, { metadata: at, spec } as KubeObject);
    loads.set(namespace, { queue: 30 });
    const queue = { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } };
    await scaledBy(at, {
      scaleTargetRef: { apiVersion, kind, name: 'db' },
      metrics: [{ type: 'External', external: queue }],
    });
    await cluster.until('3 replicas', async () => {
      const scale: Scale = await cluster.api.getSubresource(type, at, 'scale');
      return scale.spec?.replicas === 3;
    });
  });
});

describe('what cannot be scaled', () => {
  it('without metrics it says so, and touches nothing', async () => {
    const at = await workload(2);
    await scaledBy(at, {});
    await saying(at, 'ScalingActive', 'False FailedGetResourceMetric');
    await clock.advance(20 * minutes);
    await cluster.quiet();
    expect((await cluster.api.get(deployments, at)).spec.replicas).toBe(2);
    const events = await cluster.eventsOf(await read(at));
    expect(inOrder(events.map(({ reason }) => reason))).toEqual([
      'FailedComputeMetricsReplicas',
      'FailedGetResourceMetric',
    ]);
    for (const { count = 1 } of events) expect(count).toBeLessThanOrEqual(3);
  });

  it('pods without a request', async () => {
    const at = await workload(1, null);
    loads.set(at.namespace, { cpu: 100 });
    await scaledBy(at, {});
    await saying(at, 'ScalingActive', 'False FailedGetResourceMetric');
    expect(
      (await eventsOf(at)).some((text) => text.includes('missing request for cpu in container main of Pod web-')),
    ).toBe(true);
  });

  it('a metric that is never answered holds nothing up but its own autoscaler', async () => {
    const at = await workload(1);
    const queue = { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } };
    const metrics: MetricSpec[] = [{ type: 'External', external: queue }];
    silent.add(at.namespace);
    await scaledBy(at, { metrics });
    const other = await workload(1);
    loads.set(other.namespace, { queue: 20 });
    await scaledBy(other, { metrics });
    await ready(other, 2);
    await clock.advance(1000);
    await saying(at, 'ScalingActive', 'False FailedGetExternalMetric');
    expect((await eventsOf(at))[0]).toContain('no answer within 1000 ms');
  });

  it('a target at zero stays there until somebody scales it', async () => {
    const at = await workload(0);
    loads.set(at.namespace, { cpu: 100 });
    await scaledBy(at, { minReplicas: 2 });
    await saying(at, 'ScalingActive', 'False ScalingDisabled');
    await cluster.api.patch(deployments, at, { type: 'merge', body: { spec: { replicas: 1 } } });
    await clock.advance(period);
    await ready(at, 2);
  });

  it('two autoscalers of the same pods', async () => {
    const at = await workload(2);
    loads.set(at.namespace, { cpu: 2000 });
    await scaledBy(at, {});
    await ready(at, 4);
    await scaledBy(at, {}, 'other');
    await clock.advance(period);
    for (const name of ['web', 'other']) {
      await saying({ ...at, name }, 'ScalingActive', 'False AmbiguousSelector');
    }
    expect((await cluster.api.get(deployments, at)).spec.replicas).toBe(4);
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
    const namespace = await cluster.namespace('hpa');
    const at = { namespace, name: 'web' };
    await scaledBy(at, { scaleTargetRef });
    await saying(at, 'AbleToScale', 'False FailedGetScale');
    expect(await eventsOf(at)).toEqual([`FailedGetScale: ${message}`]);
  });

  it('a deleted autoscaler is forgotten, and leaves its target as it is', async () => {
    const at = await workload(2);
    loads.set(at.namespace, { cpu: 1000 });
    await scaledBy(at, {});
    await saying(at, 'ScalingActive', 'True ValidMetricFound');
    await cluster.api.delete(horizontalPodAutoscalers, at);
    loads.set(at.namespace, { cpu: 9000 });
    await clock.advance(5 * period);
    await cluster.quiet();
    expect((await cluster.api.get(deployments, at)).spec.replicas).toBe(2);
  });
});

describe('after a restart', () => {
  const restart = async (): Promise<void> => {
    const { control } = cluster.server.kernel;
    await control.disable(autoscaler.name);
    await control.enable(autoscaler.name);
  };

  it('works again, even if it was switched off while a metric was not answered', async () => {
    const at = await workload(1);
    const queue = { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } };
    silent.add(at.namespace);
    const before = unanswered;
    await scaledBy(at, { metrics: [{ type: 'External', external: queue }] });
    await cluster.until('the metric to be asked for', () => unanswered > before);
    const restarted = restart();
    await clock.advance(1000);
    await restarted;
    silent.clear();
    loads.set(at.namespace, { queue: 30 });
    await clock.advance(period);
    await ready(at, 3);
  }, 30_000);

  it('shrinks nothing before it has seen a whole window', async () => {
    const at = await workload(4);
    loads.set(at.namespace, { cpu: 2000 });
    await scaledBy(at, {});
    await saying(at, 'AbleToScale', 'True ReadyForNewScale');
    await clock.advance(6 * minutes);
    loads.set(at.namespace, { cpu: 100 });
    await restart();
    for (let n = 0; n < 4; n += 1) await clock.advance(minutes);
    await cluster.quiet();
    expect((await cluster.api.get(deployments, at)).spec.replicas).toBe(4);
    await clock.advance(2 * minutes);
    await ready(at, 1);
  }, 30_000);

  it('grows no faster, however often it is restarted', async () => {
    const at = await workload(1);
    loads.set(at.namespace, { queue: 1000 });
    const queue = { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '10' } };
    await scaledBy(at, { maxReplicas: 50, metrics: [{ type: 'External', external: queue }] });
    await ready(at, 4);
    for (let n = 0; n < 3; n += 1) {
      await restart();
      await cluster.quiet();
    }
    expect((await cluster.api.get(deployments, at)).spec.replicas).toBe(4);
    await clock.advance(period);
    await ready(at, 8);
  }, 30_000);
});

it('a refused change is told, and tried again', async () => {
  const at = await workload(1);
  refused.add(at.namespace);
  loads.set(at.namespace, { cpu: 1000 });
  await scaledBy(at, {});
  await saying(at, 'AbleToScale', 'False FailedUpdateScale');
  expect((await eventsOf(at))[0]).toMatch(/^FailedRescale: New size: 2; reason: cpu .* above target; error: .*frozen/);
  refused.clear();
  await clock.advance(period);
  await ready(at, 2);
  expect((await eventsOf(at)).some((text) => text.startsWith('SuccessfulRescale: New size: 2'))).toBe(true);
  expect(await said(at, 'AbleToScale')).toMatch(/^True /);
});
