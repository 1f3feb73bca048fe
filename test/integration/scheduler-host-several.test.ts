/** Several scheduler hosts on one API server. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import type { Scheduler } from '@timonel/sdk/contracts/scheduler';
import { pods } from '@timonel/sdk/kube';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import { makeNode, makePod, control, FirstFit } from './scheduler-host-bed.ts';
import { SchedulerHost } from '../../plugins/scheduler-host/src/host.ts';

describe('two scheduler hosts', () => {
  let kernel: TestKernel;
  let api: ApiClient;
  const hosts: SchedulerHost[] = [];
  const stop = new AbortController();

  const hostWith = (name: string, service: Scheduler): SchedulerHost => {
    const { env, log } = kernel;
    const context = { name, env, log, signal: stop.signal, reportFault: () => undefined };
    const hooks = { podBound: { size: 0, call: () => Promise.resolve() } };
    const config = {
      schedulerName: 'default-scheduler',
      batchSize: 10,
      parallelBindings: 8,
      decisionTimeoutMs: 5000,
      admissionTimeoutMs: 5000,
    };
    const host = new SchedulerHost(
      { ...context, hooks },
      { api, scheduler: service, schedulerName: () => name },
      config,
    );
    hosts.push(host);
    return host;
  };

  beforeAll(async () => {
    kernel = await startTestKernel({ plugins: control });
    api = kernel.service(apiClient);
  });
  afterAll(async () => {
    stop.abort();
    await Promise.all(hosts.map((host) => host.stop()));
    await kernel.stop();
  });

  it('bind each pod once, and learn of each other', async () => {
    await makeNode(api, 'a', '200');
    await makeNode(api, 'b', '200');
    const left = new FirstFit();
    const right = new FirstFit();
    left.shunned.add('b');
    right.shunned.add('a');
    const both = [hostWith('left', left), hostWith('right', right)];
    await Promise.all(both.map((host) => host.start()));
    await Promise.all(Array.from({ length: 200 }, () => makePod(api, '10m')));
    const bound = (): number => both.reduce((sum, { counts }) => sum + counts.bound, 0);
    await until(async () => (await api.list(pods)).items.every(({ spec }) => spec.nodeName), { what: 'all nodes' });
    await until(() => both.every((host) => Object.values(host.pending()).every((count) => count === 0)), {
      what: 'empty queues',
    });
    expect(bound()).toBe(200);
    expect(both.map(({ counts }) => counts.bindErrors)).toEqual([0, 0]);
    // Each sees the pods where they are, and the room that the other left.
    const homes = (await api.list(pods)).items.map(({ spec }) => spec.nodeName);
    const expected = ['a', 'b'].map((node) => homes.filter((home) => home === node).length);
    for (const { snapshot } of [left, right]) {
      await until(() => JSON.stringify(snapshot?.rows.map((row) => row.pods.length)) === JSON.stringify(expected), {
        what: 'the same state',
      });
    }
  });

  it('keep the decisions about each pod', async () => {
    const [host] = hosts;
    const pod = (await api.list(pods)).items.find(({ spec }) => spec.nodeName === 'a');
    const [first] = host?.decisions.ofName('default', pod?.metadata.name ?? '') ?? [];
    expect(first).toMatchObject({ podUid: pod?.metadata.uid, scheduler: 'left', nodeCount: 2 });
    expect(first?.decision).toMatchObject({ outcome: 'bind', nodeName: 'a' });
  });
});
