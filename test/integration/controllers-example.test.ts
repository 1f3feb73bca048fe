/** The example of `docs/guides/write-a-controller.md` on the real API server. */
import { describe, expect, it } from '@jest/globals';
import { explainers } from '@timonel/sdk/contracts/why';
import { configMaps, namespaces } from '@timonel/sdk/kube';
import { until } from '@timonel/testkit';
import configCopies from '../../examples/plugins/controller-configcopies.ts';
import { startTestCluster } from './controllers-cluster.ts';

describe('controller-configcopies', () => {
  it('makes copies, keeps them, and takes them away', async () => {
    await using cluster = await startTestCluster({ controllers: [configCopies] });
    const { api } = cluster;
    const changes = cluster.record(configMaps);
    const in1 = async (namespace: string): Promise<unknown> =>
      (await api.list(configMaps, { namespace })).items.find(({ metadata }) => metadata.name === 'motd')?.data;
    await api.create(namespaces, { metadata: { name: 'one' } });
    const labels = { 'copy.timonel.dev/to-all': '' };
    const original = await api.create(configMaps, {
      metadata: { namespace: 'default', name: 'motd', labels },
      data: { text: 'hello' },
    });
    await until(async () => JSON.stringify(await in1('one')) === '{"text":"hello"}', { what: 'the copy' });
    await api.create(namespaces, { metadata: { name: 'two' } });
    await until(async () => (await in1('two')) !== undefined, { what: 'the copy in a new namespace' });
    await api.update(configMaps, { ...original, data: { text: 'bye' } });
    await until(async () => JSON.stringify(await in1('two')) === '{"text":"bye"}', { what: 'the change' });
    await api.delete(configMaps, { namespace: 'one', name: 'motd' });
    await until(async () => (await in1('one')) !== undefined, { what: 'the copy again' });
    await cluster.quiet();
    const writes = changes.length;
    const [explainer] = cluster.kernel.service(explainers).all();
    const why = await explainer?.service.explain({ group: '', resource: 'namespaces', name: 'one' });
    expect(why?.decisions[0]).toMatchObject({
      by: 'controller-configcopies',
      outcome: 'create',
      text: 'create ConfigMap motd: default/motd is to be in every namespace (CopyMissing)',
    });
    await api.delete(configMaps, { namespace: 'default', name: 'motd' });
    await until(async () => (await in1('one')) === undefined && (await in1('two')) === undefined, {
      what: 'the copies to go',
    });
    await cluster.quiet();
    const types = changes.slice(writes).map(({ type }) => type);
    expect([types.length > 2, new Set(types)]).toEqual([true, new Set(['DELETED'])]);
  });
});
