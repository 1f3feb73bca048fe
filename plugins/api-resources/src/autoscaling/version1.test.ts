import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { KubeObject } from '@timonel/sdk/kube';
import { kindOf } from '../testing/kinds-under-test.ts';
import { shownByVersion1 } from './version1.ts';

const prefix = 'autoscaling.alpha.kubernetes.io';
const cpu = (averageUtilization: number): object => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});
const memory = {
  type: 'Resource',
  resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
};
const pods = {
  type: 'Pods',
  pods: { metric: { name: 'hits' }, target: { type: 'AverageValue', averageValue: '10' } },
};
const external = {
  type: 'External',
  external: {
    metric: { name: 'queue', selector: { matchLabels: { q: 'a' } } },
    target: { type: 'Value', value: '30' },
  },
};
const ofObject = {
  type: 'Object',
  object: {
    describedObject: { apiVersion: 'v1', kind: 'Service', name: 's' },
    metric: { name: 'rate' },
    target: { type: 'Value', value: '5' },
  },
};
const container = {
  type: 'ContainerResource',
  containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 50 } },
};

function stored(spec: object, status?: object): KubeObject {
  return { metadata: { name: 'a' }, spec, ...(status === undefined ? {} : { status }) } as KubeObject;
}

describe('autoscaling/v1', () => {
  it('has a field for the utilisation of CPU and keeps the rest in annotations', () => {
    const behavior = { scaleUp: { selectPolicy: 'Max' } };
    expect(shownByVersion1.fromStored(stored({ maxReplicas: 3, metrics: [cpu(60), pods], behavior }))).toEqual({
      metadata: {
        name: 'a',
        annotations: {
          [`${prefix}/behavior`]: JSON.stringify(behavior),
          [`${prefix}/metrics`]: '[{"type":"Pods","pods":{"metricName":"hits","targetAverageValue":"10"}}]',
        },
      },
      spec: { maxReplicas: 3, targetCPUUtilizationPercentage: 60 },
    });
  });

  it('shows what is measured', () => {
    const currentMetrics = [
      { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 40, averageValue: '4m' } } },
    ];
    const conditions = [{ type: 'AbleToScale', status: 'True' }];
    const shown = shownByVersion1.fromStored(
      stored({ maxReplicas: 1 }, { desiredReplicas: 2, currentMetrics, conditions }),
    );
    expect(shown).toMatchObject({
      status: { currentReplicas: 0, desiredReplicas: 2, currentCPUUtilizationPercentage: 40 },
    });
    expect(Object.keys(shown.metadata.annotations ?? {}).toSorted()).toEqual([
      `${prefix}/conditions`,
      `${prefix}/current-metrics`,
    ]);
    expect(shownByVersion1.toStored(shown)).toMatchObject({ status: { currentMetrics, conditions } });
  });

  it('loses nothing on the way there and back', () => {
    const metrics = fc.subarray([cpu(60), memory, pods, external, ofObject, container]);
    const objects = fc.record(
      { metrics, minReplicas: fc.nat(), behavior: fc.constant({ scaleDown: { selectPolicy: 'Disabled' } }) },
      { requiredKeys: ['metrics'] },
    );
    fc.assert(
      fc.property(objects, (spec) => {
        const wanted = stored(spec.metrics.length === 0 ? { ...spec, metrics: undefined } : spec);
        const object = JSON.parse(JSON.stringify(wanted)) as KubeObject;
        expect(shownByVersion1.toStored(shownByVersion1.fromStored(object))).toEqual(object);
      }),
    );
  });

  it('takes annotations that nobody can read for none', () => {
    const object = {
      metadata: { name: 'a', annotations: { [`${prefix}/metrics`]: '{', other: 'x' } },
      spec: { maxReplicas: 1 },
    } as KubeObject;
    expect(shownByVersion1.toStored(object)).toEqual({
      metadata: { name: 'a', annotations: { other: 'x' } },
      spec: { maxReplicas: 1 },
    });
  });
});

describe('the column of targets', () => {
  const targets = (object: object): unknown =>
    kindOf('horizontalpodautoscalers').strategy.cells?.({ metadata: { name: 'a' }, ...object }, { now: 0 })[2];

  it.each<[object, string]>([
    [{ spec: { metrics: [] } }, '<none>'],
    [{ spec: { metrics: [cpu(80)] } }, 'cpu: <unknown>/80%'],
    [
      {
        spec: { metrics: [cpu(80), memory] },
        status: { currentMetrics: [{ resource: { current: { averageUtilization: 12 } } }] },
      },
      'cpu: 12%/80%, memory: <unknown>/1Gi',
    ],
    [{ spec: { metrics: [pods, external, ofObject] } }, '<unknown>/10, <unknown>/30 + 1 more...'],
  ])('%j', (object, expected) => {
    expect(targets(object)).toBe(expected);
  });
});
