import { expect } from '@jest/globals';
import { kernelMetrics } from '@timonel/sdk';
import { routeProvider } from '@timonel/sdk/contracts/api-server';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('metrics-prometheus', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const [provider] = kernel.service(routeProvider).all();
    expect(provider?.service.routes().map(({ path }) => path)).toEqual(['/metrics']);
    const families = kernel.service(kernelMetrics).collect();
    const resident = families.find(({ name }) => name === 'process_resident_memory_bytes');
    expect(resident?.samples[0]?.value).toBeGreaterThan(1e6);
    await Promise.resolve();
  },
}));
