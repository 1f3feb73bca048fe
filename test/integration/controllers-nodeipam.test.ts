import { describe, expect, it } from '@jest/globals';
import { definePlugin, type AnyPlugin } from '@timonel/sdk';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiResources from '@timonel/plugin-api-resources';
import apiserver from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import nodeIpam from '@timonel/plugin-controller-nodeipam';
import storeMemory from '@timonel/plugin-store-memory';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiHooks } from '@timonel/sdk/contracts/api-server';
import { coreEvents, nodes } from '@timonel/sdk/kube';
import { startTestKernel, until, type TestKernel } from '@timonel/testkit';

const twin: AnyPlugin = { ...nodeIpam, name: 'controller-nodeipam-twin' };

/** Writes to nodes take a while, each another one: so the two see each other's work half done. */
const slowNodes: AnyPlugin = definePlugin({
  name: 'slow-nodes',
  version: '0.1.0',
  apiVersion: 1,
  setup(ctx) {
    let turn = 0;
    ctx.tap(apiHooks.objectValidate, async (_object, { resource, operation }) => {
      turn += 7;
      if (resource === 'nodes') await ctx.env.timers.sleep(operation === 'UPDATE' ? (turn % 5) * 10 : (turn % 20) * 15);
      return undefined;
    });
  },
});

async function start(config: object, plugins: readonly AnyPlugin[] = [nodeIpam]): Promise<TestKernel> {
  return startTestKernel({
    plugins: [storeMemory, authToken, apiResources, apiserver, admissionNamespace, ...plugins],
    config: {
      apiserver: { listen: { address: '127.0.0.1', port: 0 } },
      'controller-nodeipam': config,
      'controller-nodeipam-twin': config,
    },
  });
}

async function rangesOf(api: ApiClient): Promise<Record<string, string | undefined>> {
  const { items } = await api.list(nodes);
  return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec.podCIDR]));
}

async function allServed(api: ApiClient, count: number): Promise<Record<string, string | undefined>> {
  return until(
    async () => {
      const ranges = await rangesOf(api);
      return Object.values(ranges).filter((range) => range !== undefined).length === count ? ranges : undefined;
    },
    { what: `${count} nodes to have a range`, timeoutMs: 20_000 },
  );
}

describe('controller-nodeipam', () => {
  it('gives a range to each node that has none, and respects those that nodes bring along', async () => {
    await using kernel = await start({ clusterCidr: '10.244.0.0/22' });
    const api = kernel.service(apiClient);
    await api.create(nodes, { metadata: { name: 'own' }, spec: { podCIDR: '10.244.1.0/24' } });
    for (const name of ['a', 'b']) await api.create(nodes, { metadata: { name }, spec: {} });
    expect(await allServed(api, 3)).toEqual({ own: '10.244.1.0/24', a: '10.244.0.0/24', b: '10.244.2.0/24' });
    expect((await api.get(nodes, { name: 'a' })).spec.podCIDRs).toEqual(['10.244.0.0/24']);
  });

  it('says when all ranges are in use, and gives the range of a deleted node again', async () => {
    await using kernel = await start({ clusterCidr: '10.244.0.0/23' });
    const api = kernel.service(apiClient);
    for (const name of ['a', 'b']) await api.create(nodes, { metadata: { name }, spec: {} });
    const { a } = await allServed(api, 2);
    await api.create(nodes, { metadata: { name: 'c' }, spec: {} });
    const event = await until(
      async () => (await api.list(coreEvents)).items.find(({ reason }) => reason === 'CIDRNotAvailable'),
      { what: 'the event' },
    );
    expect(event).toMatchObject({
      type: 'Warning',
      involvedObject: { kind: 'Node', name: 'c' },
      message: 'all 2 ranges of 10.244.0.0/23 are in use: node c gets none until one is free',
    });
    await api.delete(nodes, { name: 'a' });
    expect((await allServed(api, 2))['c']).toBe(a);
  });

  it('never gives one range twice, when two control planes work at the same time', async () => {
    await using kernel = await start({ clusterCidr: '10.244.0.0/16' }, [nodeIpam, twin, slowNodes]);
    const api = kernel.service(apiClient);
    const count = 60;
    const names = Array.from({ length: count }, (_, index) => `n${index}`);
    await Promise.all(names.map((name) => api.create(nodes, { metadata: { name }, spec: {} })));
    const ranges = Object.values(await allServed(api, count));
    expect(new Set(ranges).size).toBe(count);
  });
});
