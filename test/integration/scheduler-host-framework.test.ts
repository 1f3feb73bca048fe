/** The scheduler host with the scheduling framework and its plugins: what one tells the other. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { scheduler } from '@timonel/sdk/contracts/scheduler';
import { nodes, pods } from '@timonel/sdk/kube';
import { defaultProfile, frameworkScheduler, pluginRegistry } from '@timonel/sdk/scheduling';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';
import schedulerHost from '../../plugins/scheduler-host/src/index.ts';
import {
  clear,
  conditionOf,
  control,
  entry,
  getPod,
  makeNode,
  makePod,
  nominatedNode,
  placed,
  remove,
  waitsBecause,
} from './scheduler-host-bed.ts';

const framework: AnyPlugin = definePlugin({
  name: 'scheduler-framework',
  version: '1.0.0',
  apiVersion: 1,
  provides: { scheduler },
  setup: (ctx) => ({
    provides: {
      scheduler: frameworkScheduler({
        registry: pluginRegistry(),
        profiles: [defaultProfile()],
        timers: ctx.env.timers,
      }),
    },
  }),
});

describe('scheduler-host with the framework', () => {
  let kernel: TestKernel;
  let api: ApiClient;

  beforeAll(async () => {
    kernel = await startTestKernel({ plugins: [...control, entry(schedulerHost), entry(framework)] });
    api = kernel.service(apiClient);
  });
  afterEach(() => clear(api));
  afterAll(() => kernel.stop());

  it('spreads pods, says what is short and why preemption does not help', async () => {
    for (const name of ['a', 'b']) await makeNode(api, name, '2');
    const names = await Promise.all(Array.from({ length: 4 }, () => makePod(api, '1')));
    const homes = await Promise.all(names.map((name) => placed(api, name)));
    expect(homes.sort()).toEqual(['a', 'a', 'b', 'b']);
    const waiting = await makePod(api, '1');
    expect(await waitsBecause(api, waiting)).toMatch(/^0\/2 nodes are available: 2 Insufficient cpu\. preemption: .+/);
    await remove(api, names[0] ?? '');
    expect(['a', 'b']).toContain(await placed(api, waiting));
  });

  it('preempts the least important pod and binds when it has gone', async () => {
    await makeNode(api, 'a', '2');
    const low = await makePod(api, '1', { priority: 1 });
    const high = await makePod(api, '1', { priority: 5 });
    for (const name of [low, high]) await placed(api, name);
    const important = await makePod(api, '1', { priority: 10 });
    expect(await nominatedNode(api, important)).toBe('a');
    await until(async () => (await getPod(api, low)).metadata.deletionTimestamp, { what: 'the end of the victim' });
    expect((await getPod(api, high)).metadata.deletionTimestamp).toBeUndefined();
    expect(await conditionOf(api, low, 'DisruptionTarget')).toMatchObject({ reason: 'PreemptionByScheduler' });
    // The room stays its own.
    const lesser = await makePod(api, '1', { priority: 9 });
    await nominatedNode(api, lesser);
    await remove(api, low);
    expect(await placed(api, important)).toBe('a');
    await remove(api, high);
    expect(await placed(api, lesser)).toBe('a');
  });

  it('tries a pod again when a taint goes', async () => {
    await makeNode(api, 'a', '2');
    await api.patch(
      nodes,
      { name: 'a' },
      { type: 'merge', body: { spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } } },
    );
    await makeNode(api, 'z', '0');
    const waiting = await makePod(api, '1');
    expect(await waitsBecause(api, waiting)).toContain('taint');
    await api.patch(nodes, { name: 'a' }, { type: 'merge', body: { spec: { taints: null } } });
    expect(await placed(api, waiting)).toBe('a');
  });

  it('binds a group together, when all its members are there', async () => {
    await makeNode(api, 'a', '4');
    const member = async (name: string): Promise<void> => {
      await api.create(pods, {
        metadata: {
          name,
          namespace: 'default',
          labels: { 'scheduling.timonel.dev/pod-group': 'g' },
          annotations: { 'scheduling.timonel.dev/min-member': '3' },
        },
        spec: { containers: [{ name: 'c', image: 'x:1', resources: { requests: { cpu: '1' } } }] },
      });
    };
    await member('g1');
    await member('g2');
    expect(await waitsBecause(api, 'g1')).toContain('g');
    expect((await getPod(api, 'g2')).spec.nodeName).toBeUndefined();
    await member('g3');
    expect(await Promise.all(['g1', 'g2', 'g3'].map((name) => placed(api, name)))).toEqual(['a', 'a', 'a']);
  });
});
