import { describe, expect, it } from '@jest/globals';
import { findings, updateFindings } from '../testing/kinds-under-test.ts';

const container = { name: 'web', image: 'nginx:1' };
const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [container] } };
const workload = (spec: object): object => ({ spec: { selector: { matchLabels: { app: 'a' } }, template, ...spec } });

describe('workloads', () => {
  it.each<[string, object, string[]]>([
    ['valid', workload({}), []],
    ['no selector', workload({ selector: undefined }), ['spec.selector: Required value']],
    [
      'empty selector',
      workload({ selector: {} }),
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'selector of other pods',
      workload({ selector: { matchLabels: { app: 'b' } } }),
      ['spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`'],
    ],
    [
      'negative replicas',
      workload({ replicas: -1 }),
      ['spec.replicas: Invalid value: -1: must be greater than or equal to 0'],
    ],
    [
      'pods that end',
      workload({ template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } }),
      ['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
    ],
    [
      'standstill',
      workload({ strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: '0%' } } }),
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0'],
    ],
    [
      'recreate with a rolling update',
      workload({ strategy: { type: 'Recreate', rollingUpdate: {} } }),
      ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
    ],
    [
      'more than all unavailable',
      workload({ strategy: { rollingUpdate: { maxUnavailable: '120%' } } }),
      ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "120%": must not be greater than 100%'],
    ],
    [
      'deadline before pods can be available',
      workload({ minReadySeconds: 600 }),
      ['spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds'],
    ],
  ])('deployment: %s', (_name, object, expected) => {
    expect(findings('deployments', object)).toEqual(expected);
  });

  it.each(['deployments', 'replicasets'])('%s keep their selector', (resource) => {
    const changed = workload({ selector: { matchLabels: { app: 'a', tier: 'b' } } });
    expect(updateFindings(resource, changed, workload({}))).toEqual([
      'spec.template.metadata.labels: Invalid value: {"app":"a"}: `selector` does not match template `labels`',
      'spec.selector: Invalid value: {"matchLabels":{"app":"a","tier":"b"}}: field is immutable',
    ]);
    expect(updateFindings(resource, workload({ replicas: 3 }), workload({}))).toEqual([]);
  });
});

describe('an update', () => {
  it.each(['deployments', 'replicasets'])('of %s must leave a valid object', (resource) => {
    const spoiled = workload({ template: { ...template, spec: { containers: [{ name: 'web', image: '' }] } } });
    expect(updateFindings(resource, spoiled, workload({}))).toEqual([
      'spec.template.spec.containers[0].image: Required value',
    ]);
  });

  it('statefulset: containers mount what its claim templates give its pods', () => {
    const mounting = { ...container, volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    const spec = { template: { ...template, spec: { containers: [mounting] } } };
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    };
    expect(findings('statefulsets', workload({ ...spec, volumeClaimTemplates: [claim] }))).toEqual([]);
    expect(findings('statefulsets', workload(spec))).toEqual([
      'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"',
    ]);
  });
});
