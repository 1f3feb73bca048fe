import type { AnyPlugin } from '@timonel/sdk';
import type { PluginEntry } from '@timonel/core';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { configMaps, services } from '@timonel/sdk/kube';
import { pluginSuite, type TestKernel } from '@timonel/testkit';
import admissionNamespace from '@timonel/plugin-admission-namespace';
import apiKernel from '@timonel/plugin-api-kernel';
import apiResources from '@timonel/plugin-api-resources';
import apiServer from '@timonel/plugin-apiserver';
import authToken from '@timonel/plugin-auth-token';
import serviceAllocator from '@timonel/plugin-service-allocator';
import storeMemory from '@timonel/plugin-store-memory';

function entry(definition: AnyPlugin): PluginEntry {
  const config = definition.name === 'apiserver' ? { listen: { port: 0 } } : undefined;
  return { definition, source: 'built-in', ...(config === undefined ? {} : { config }) };
}

let serial = 0;

async function writeConfigMap(kernel: TestKernel): Promise<void> {
  const api = kernel.service(apiClient);
  const name = `load-${(serial += 1)}`;
  await api.create(configMaps, { metadata: { name, namespace: 'default' }, data: { name } });
  const read = await api.get(configMaps, { name, namespace: 'default' });
  if (read.data?.['name'] !== name) throw new Error('the object read is not the one written');
  if (!kernel.service(apiEndpoint).url().startsWith('https://127.0.0.1:')) throw new Error('it does not listen');
}

// As a dependency that fails, it must not end the whole kernel.
const optionalApiServer: AnyPlugin = { ...apiServer, criticality: 'optional' };
const optionalStore: AnyPlugin = { ...storeMemory, criticality: 'optional' };
const below = [storeMemory, apiResources, authToken];

pluginSuite('apiserver', () => ({ entry: entry(apiServer), dependencies: below.map(entry), load: writeConfigMap }));
pluginSuite('auth-token', () => ({ entry: entry(authToken), dependencies: [] }));
pluginSuite('api-kernel', () => ({ entry: entry(apiKernel), dependencies: [] }));
pluginSuite('admission-namespace', () => ({
  entry: entry(admissionNamespace),
  dependencies: [...below, optionalApiServer].map(entry),
  load: writeConfigMap,
}));
pluginSuite('service-allocator', () => ({
  entry: entry(serviceAllocator),
  dependencies: [optionalStore, apiResources, authToken, optionalApiServer].map(entry),
  async load(kernel) {
    const api = kernel.service(apiClient);
    const metadata = { name: `load-${(serial += 1)}`, namespace: 'default' };
    const made = await api.create(services, { metadata, spec: { ports: [{ port: 80 }] } });
    if (!made.spec.clusterIP?.startsWith('10.96.')) throw new Error('no cluster IP was allocated');
  },
}));
