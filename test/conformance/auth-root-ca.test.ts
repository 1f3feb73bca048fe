import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import namespaceController from '@timonel/plugin-controller-namespace';
import rootCa from '@timonel/plugin-controller-rootca';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { configMaps, isNotFound, namespaces, type ConfigMap } from '@timonel/sdk/kube';
import { startCluster, type Cluster } from './support/cluster.ts';

const name = 'kube-root-ca.crt';
let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ controllers: [rootCa, namespaceController], nodes: 0 });
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const authority = (): string => cluster.server.kernel.service(apiEndpoint).caCertificate();
const isThere = (namespace: string): Promise<ConfigMap> =>
  cluster.until(`${name} in ${namespace}`, async () => {
    const found = await cluster.api.get(configMaps, { namespace, name });
    expect(found.data).toEqual({ 'ca.crt': authority() });
    return found;
  });

describe('auth: kube-root-ca.crt', () => {
  it('lies in every namespace, with the authority that signed the certificate of the API server', async () => {
    expect(authority()).toMatch(/^-----BEGIN CERTIFICATE-----/);
    const { items } = await cluster.api.list(namespaces);
    const names = [...items.map(({ metadata }) => metadata.name ?? ''), await cluster.namespace()];
    expect(names).toEqual(expect.arrayContaining(['default', 'kube-system', 'kube-public', 'kube-node-lease']));
    for (const namespace of names) {
      const { metadata } = await isThere(namespace);
      expect(metadata.annotations).toMatchObject({ 'kubernetes.io/description': expect.any(String) });
    }
  });

  it('is made anew when it is deleted', async () => {
    const namespace = await cluster.namespace();
    const { metadata } = await isThere(namespace);
    await cluster.api.delete(configMaps, { namespace, name });
    const again = await isThere(namespace);
    expect(again.metadata.uid).not.toBe(metadata.uid);
  });

  it('is put right when its data is changed', async () => {
    const namespace = await cluster.namespace();
    const found = await isThere(namespace);
    const labels = { team: 'web' };
    await cluster.api.update(configMaps, {
      ...found,
      metadata: { ...found.metadata, labels },
      data: { 'ca.crt': 'none', more: '' },
    });
    const { metadata } = await isThere(namespace);
    expect(metadata).toMatchObject({ uid: found.metadata.uid, labels });
  });

  it('is put right also when what was made in its place cannot be changed', async () => {
    const namespace = await cluster.namespace();
    const found = await isThere(namespace);
    const marred = await cluster.api.update(configMaps, { ...found, data: {}, immutable: true });
    await cluster.until('another one', async () => (await isThere(namespace)).metadata.uid !== marred.metadata.uid);
  });

  it('goes with its namespace', async () => {
    const namespace = await cluster.namespace();
    await isThere(namespace);
    await cluster.api.delete(namespaces, { name: namespace });
    const isGone = (): Promise<boolean> =>
      cluster.api.get(namespaces, { name: namespace }).then(
        () => false,
        (error: unknown) => isNotFound(error),
      );
    await cluster.until('the namespace to go', isGone);
    expect((await cluster.api.list(configMaps, { namespace })).items).toEqual([]);
  });
});
