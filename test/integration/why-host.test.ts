/** Why pods wait, asked of the scheduler host on the real API server, with the scheduler of the framework. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { scheduler } from '@timonel/sdk/contracts/scheduler';
import { explainers, type Why } from '@timonel/sdk/contracts/why';
import { pods, type Pod, type PodSpec } from '@timonel/sdk/kube';
import { defaultProfile, frameworkScheduler, pluginRegistry } from '@timonel/sdk/scheduling';
import schedulerHost from '@timonel/plugin-scheduler-host';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { control, entry, makeNode } from './scheduler-host-bed.ts';

let doorIsShut = false;

const framework: AnyPlugin = definePlugin({
  name: 'scheduler-framework',
  version: '1.0.0',
  apiVersion: 1,
  provides: { scheduler },
  setup(ctx) {
    const doorman = {
      name: 'Doorman',
      permit: () =>
        doorIsShut ? { code: 'unschedulable' as const, reason: 'not today' } : { code: 'success' as const },
    };
    const service = frameworkScheduler({
      registry: pluginRegistry([['Doorman', () => doorman]]),
      profiles: [defaultProfile({ plugins: [{ name: 'Doorman' }] })],
      timers: ctx.env.timers,
    });
    return { provides: { scheduler: service } };
  },
});

let kernel: TestKernel;
let api: ApiClient;

async function make(name: string, cpu: string, spec: Partial<PodSpec> = {}): Promise<void> {
  const containers = [{ name: 'c', image: 'x:1', resources: { requests: { cpu } } }];
  await api.create(pods, { metadata: { name, namespace: 'default' }, spec: { containers, ...spec } });
}

async function why(name: string): Promise<Why | undefined> {
  const [provider] = kernel.service(explainers).all();
  return provider?.service.explain({ group: '', resource: 'pods', namespace: 'default', name });
}

function waitsFor(name: string, code: string): Promise<Why> {
  return until(
    async () => {
      const found = await why(name);
      return found?.causes[0]?.code === code ? found : undefined;
    },
    { what: `the cause ${code} of ${name}` },
  );
}

const placed = (name: string): Promise<Pod> =>
  until(
    async () => {
      const pod = await api.get(pods, { namespace: 'default', name });
      return pod.spec.nodeName ? pod : undefined;
    },
    { what: `a node for ${name}` },
  );

beforeAll(async () => {
  kernel = await startTestKernel({ plugins: [...control, entry(framework), entry(schedulerHost)] });
  api = kernel.service(apiClient);
  await makeNode(api, 'n1', '2');
  await makeNode(api, 'n2', '1');
});
afterAll(() => kernel.stop());

describe('why, asked of the host', () => {
  it('has the refusals, the place in the queue and the decision of a pod that fits nowhere', async () => {
    await make('large', '64');
    await until(async () => (await why('large'))?.queue?.part === 'unschedulable', { what: 'a decision' });
    const found = await waitsFor('large', 'oversized-cpu');
    expect(found.summary).toContain('0/2 nodes are available: 2 Insufficient cpu.');
    expect(found.queue).toMatchObject({ attempts: 1, until: expect.any(String) });
    expect(found.decisions).toMatchObject([{ outcome: 'unschedulable', by: 'scheduler-framework' }]);
    const condition = await until(
      async () =>
        (await api.get(pods, { namespace: 'default', name: 'large' })).status?.conditions?.find(
          ({ type }) => type === 'PodScheduled',
        ),
      { what: 'the condition' },
    );
    expect(condition.message).toBe(found.summary);
  });

  it('has the scores of a pod that was placed', async () => {
    await make('small', '100m');
    const { spec } = await placed('small');
    const found = await until(
      async () => {
        const answer = await why('small');
        return answer?.state === 'Pending' ? undefined : answer;
      },
      { what: 'the informer to know' },
    );
    const [decision] = found.decisions;
    expect(decision).toMatchObject({ outcome: 'bind', scores: [{ nodeName: spec.nodeName }, {}] });
    expect(Object.keys(decision?.scores?.[0]?.scores ?? {})).toContain('NodeResourcesFit');
  });

  it('knows gates, schedulers of others, and refusals after the decision', async () => {
    await make('gated', '100m', { schedulingGates: [{ name: 'example.com/g' }] });
    expect(await waitsFor('gated', 'scheduling-gates')).toMatchObject({ queue: { part: 'gated' } });
    await make('stranger', '100m', { schedulerName: 'stranger' });
    expect((await waitsFor('stranger', 'other-scheduler')).queue).toBeUndefined();
    doorIsShut = true;
    await make('refused', '100m');
    expect((await waitsFor('refused', 'refused')).causes[0]).toMatchObject({
      plugin: 'Doorman',
      text: expect.stringContaining('not today'),
    });
    doorIsShut = false;
  });

  it('knows that victims are on their way out', async () => {
    const onlyN2 = {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n2'] }] }],
          },
        },
      },
    } as Partial<PodSpec>;
    await make('old', '700m', onlyN2);
    await placed('old');
    await make('important', '700m', { ...onlyN2, priority: 1000 });
    expect(await waitsFor('important', 'waiting-for-victims')).toMatchObject({
      causes: [
        { text: 'it waits until default/old has left node n2', detail: { victims: [{ name: 'old' }] } },
        { code: 'insufficient-cpu' },
        { code: 'pre-filter' },
      ],
      decisions: [{ outcome: 'preempt', text: 'n2, once these have gone: default/old' }],
    });
    expect(await waitsFor('old', 'terminating')).toMatchObject({ state: 'Terminating' });
  });
});
