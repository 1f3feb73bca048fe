import { expect } from '@jest/globals';
import { derivedKinds, resourceProvider } from '@timonel/sdk/contracts/api-server';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

pluginSuite('api-crds', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const [provider] = kernel.service(resourceProvider).all();
    expect(provider?.service.definitions().map(({ resource }) => resource)).toEqual(['customresourcedefinitions']);
    const [derived] = kernel.service(derivedKinds).all();
    expect(derived?.service.derive([])).toEqual({ definitions: [], schemas: {} });
    await Promise.resolve();
  },
}));
