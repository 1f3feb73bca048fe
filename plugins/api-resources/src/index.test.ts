import { expect } from '@jest/globals';
import { resourceProvider } from '@timonel/sdk/contracts/api-server';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('api-resources', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const [provider] = kernel.service(resourceProvider).all();
    const kinds = provider?.service.definitions() ?? [];
    expect(kinds.map((kind) => kind.resource)).toContain('pods');
    expect(Object.keys(provider?.service.schemas() ?? {})).toEqual(
      expect.arrayContaining(kinds.map((kind) => kind.schema)),
    );
    await Promise.resolve();
  },
}));
