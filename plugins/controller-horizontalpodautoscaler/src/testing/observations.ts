/** Observations for the tests of the pure functions. */
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricSpec, Pod } from '@timonel/sdk/kube';
import { deployments, timestampOf } from '@timonel/sdk/kube';
import { autoscalerConfig, type AutoscalerConfig } from '../config.ts';
import { emptyMemory, type Memory } from '../memory.ts';
import type { Reading } from '../metric-problem.ts';
import type { Observed, Sight } from '../observed.ts';
import type { PodSample } from '../pod-groups.ts';

export const config: AutoscalerConfig = autoscalerConfig.parse({});
export const nowMs = 1_800_000_000_000;
const longAgo = timestampOf(nowMs - 3_600_000);

export interface PodShape {
  readonly ready?: boolean;
  readonly phase?: string;
  readonly startedMs?: number;
  readonly changedMs?: number;
  /** In thousandths; absent: it has no request. */
  readonly cpu?: number;
  readonly deleted?: boolean;
}

export function podOf(index: number, shape: PodShape = {}): Pod {
  const { ready = true, phase = 'Running', startedMs, changedMs, cpu = 1000, deleted = false } = shape;
  const at = (ms: number | undefined): string => (ms === undefined ? longAgo : timestampOf(ms));
  const resources = Number.isNaN(cpu) ? {} : { requests: { cpu: `${cpu}m` } };
  return {
    metadata: { name: `p${index}`, namespace: 'default', ...(deleted ? { deletionTimestamp: longAgo } : {}) },
    spec: { containers: [{ name: 'main', resources }] },
    status: {
      phase,
      startTime: at(startedMs),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: at(changedMs) }],
    },
  };
}

export const podsOf = (count: number, shape: PodShape = {}): Pod[] =>
  Array.from({ length: count }, (_, index) => podOf(index, shape));

/** Undefined: the pod has no sample. */
export function samplesOf(values: readonly (number | undefined)[]): Reading {
  const samples = values.flatMap((milli, index): [string, PodSample][] =>
    milli === undefined ? [] : [[`p${index}`, { milli, atMs: nowMs, windowMs: 15_000 }]],
  );
  return { of: 'pods', samples: new Map(samples) };
}

export const cpuTarget = (percent: number): MetricSpec => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
});
export const podsTarget = (averageValue: string): MetricSpec => ({
  type: 'Pods',
  pods: { metric: { name: 'requests' }, target: { type: 'AverageValue', averageValue } },
});
export const externalTarget = (target: { value?: string; averageValue?: string }): MetricSpec => ({
  type: 'External',
  external: { metric: { name: 'queue' }, target: { type: target.value ? 'Value' : 'AverageValue', ...target } },
});

export interface Scene {
  readonly spec?: Partial<HorizontalPodAutoscalerSpec>;
  readonly status?: HorizontalPodAutoscaler['status'];
  readonly pods?: readonly Pod[];
  readonly readings?: readonly Reading[];
  readonly replicas?: number;
  readonly memory?: Partial<Memory>;
  readonly monotonicMs?: number;
  readonly sight?: Partial<Sight>;
}

export function observedOf(scene: Scene): Observed {
  const { pods = [], replicas = pods.length, readings = [], monotonicMs = 1_000_000 } = scene;
  const spec = {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    minReplicas: 1,
    maxReplicas: 100,
    metrics: [cpuTarget(50)],
    ...scene.spec,
  };
  return {
    subject: {
      metadata: { name: 'web', namespace: 'default', uid: 'u' },
      spec,
      ...(scene.status === undefined ? {} : { status: scene.status }),
    },
    key: 'default/web',
    nowMs,
    timestamp: timestampOf(nowMs),
    monotonicMs,
    config,
    memory: { ...emptyMemory, ...scene.memory },
    waitMs: 0,
    sight: {
      target: {
        type: deployments,
        object: { metadata: { name: 'web', namespace: 'default', uid: 'd' } },
        specReplicas: replicas,
        statusReplicas: replicas,
        selector: 'app=web',
      },
      selector: [],
      selectorProblem: undefined,
      pods,
      readings,
      ...scene.sight,
    },
  };
}
