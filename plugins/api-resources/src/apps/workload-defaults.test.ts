import { describe, expect, it } from '@jest/globals';
import { created, kindOf } from '../testing/kinds-under-test.ts';

const labels = { app: 'a' };
const selector = { matchLabels: labels };
const template = { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'nginx:1.27' }] } };
const container = {
  name: 'web',
  image: 'nginx:1.27',
  imagePullPolicy: 'IfNotPresent',
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};
const podSpec = {
  containers: [container],
  dnsPolicy: 'ClusterFirst',
  restartPolicy: 'Always',
  schedulerName: 'default-scheduler',
  securityContext: {},
  terminationGracePeriodSeconds: 30,
};
const defaultedTemplate = { metadata: { labels }, spec: podSpec };

describe('what a minimal object looks like after it was created', () => {
  it('StatefulSet', () => {
    const claim = {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1024Mi' } } },
    };
    expect(created('statefulsets', { spec: { selector, template, volumeClaimTemplates: [claim] } })).toEqual({
      metadata: { name: 'x' },
      spec: {
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        podManagementPolicy: 'OrderedReady',
        replicas: 1,
        revisionHistoryLimit: 10,
        selector,
        template: defaultedTemplate,
        updateStrategy: { rollingUpdate: { partition: 0 }, type: 'RollingUpdate' },
        volumeClaimTemplates: [
          {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { name: 'data' },
            spec: {
              accessModes: ['ReadWriteOnce'],
              resources: { requests: { storage: '1Gi' } },
              volumeMode: 'Filesystem',
            },
            status: { phase: 'Pending' },
          },
        ],
      },
      status: { availableReplicas: 0, replicas: 0 },
    });
  });

  it('DaemonSet', () => {
    expect(created('daemonsets', { spec: { selector, template } })).toEqual({
      metadata: { name: 'x', annotations: { 'deprecated.daemonset.template.generation': '1' } },
      spec: {
        revisionHistoryLimit: 10,
        selector,
        template: defaultedTemplate,
        updateStrategy: { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 }, type: 'RollingUpdate' },
      },
      status: { currentNumberScheduled: 0, desiredNumberScheduled: 0, numberMisscheduled: 0, numberReady: 0 },
    });
  });

  it('ReplicationController: selector and labels are those of the template', () => {
    expect(created('replicationcontrollers', { spec: { template } })).toEqual({
      metadata: { name: 'x', labels },
      spec: { replicas: 1, selector: labels, template: defaultedTemplate },
      status: { replicas: 0 },
    });
  });

  it('PodTemplate', () => {
    expect(created('podtemplates', { template })).toEqual({ metadata: { name: 'x' }, template: defaultedTemplate });
  });

  it('Job: labels and selector are made by the server', () => {
    const metadata = { name: 'pi', uid: 'u-1' };
    const jobTemplate = { spec: { restartPolicy: 'Never', containers: [{ name: 'web', image: 'nginx:1.27' }] } };
    const made = {
      'batch.kubernetes.io/controller-uid': 'u-1',
      'batch.kubernetes.io/job-name': 'pi',
      'controller-uid': 'u-1',
      'job-name': 'pi',
    };
    expect(created('jobs', { metadata, spec: { template: jobTemplate } })).toEqual({
      metadata: { name: 'pi', uid: 'u-1', labels: made },
      spec: {
        backoffLimit: 6,
        completionMode: 'NonIndexed',
        completions: 1,
        manualSelector: false,
        parallelism: 1,
        podReplacementPolicy: 'TerminatingOrFailed',
        selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u-1' } },
        suspend: false,
        template: { metadata: { labels: made }, spec: { ...podSpec, restartPolicy: 'Never' } },
      },
      status: {},
    });
  });

  it('Job with parallelism alone: a work queue, without completions', () => {
    const job = created('jobs', {
      metadata: { name: 'q', uid: 'u-1' },
      spec: { parallelism: 3, template: { spec: { ...podSpec, restartPolicy: 'OnFailure' } } },
    }) as unknown as { spec: Record<string, unknown> };
    expect(job.spec['completions']).toBeUndefined();
    expect(job.spec['parallelism']).toBe(3);
  });

  it('CronJob', () => {
    const inner = { spec: { restartPolicy: 'OnFailure', containers: [{ name: 'web', image: 'nginx:1.27' }] } };
    expect(created('cronjobs', { spec: { schedule: '@hourly', jobTemplate: { spec: { template: inner } } } })).toEqual({
      metadata: { name: 'x' },
      spec: {
        concurrencyPolicy: 'Allow',
        failedJobsHistoryLimit: 1,
        jobTemplate: {
          metadata: {},
          spec: { template: { metadata: {}, spec: { ...podSpec, restartPolicy: 'OnFailure' } } },
        },
        schedule: '@hourly',
        successfulJobsHistoryLimit: 3,
        suspend: false,
      },
      status: {},
    });
  });

  it('PodDisruptionBudget', () => {
    expect(created('poddisruptionbudgets', { spec: { maxUnavailable: '10%', selector } })).toEqual({
      metadata: { name: 'x' },
      spec: { maxUnavailable: '10%', selector },
      status: { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 },
    });
  });

  it('ControllerRevision', () => {
    expect(created('controllerrevisions', { data: { a: 1 } })).toEqual({
      metadata: { name: 'x' },
      data: { a: 1 },
      revision: 0,
    });
  });
});

describe('the template generation of a DaemonSet', () => {
  const { strategy } = kindOf('daemonsets');
  const key = 'deprecated.daemonset.template.generation';
  const before = created('daemonsets', { spec: { selector, template } });
  const updated = (spec: object): string | undefined => {
    const next = { ...structuredClone(before), ...structuredClone({ spec }) };
    strategy.default?.(next);
    strategy.prepareForUpdate?.(next, before);
    return next.metadata.annotations?.[key];
  };

  it('counts changes of the template alone', () => {
    expect(updated({ selector, template, minReadySeconds: 5 })).toBe('1');
    expect(updated({ selector, template: { ...template, spec: { ...podSpec, hostNetwork: true } } })).toBe('2');
  });
});
