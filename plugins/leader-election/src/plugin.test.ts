import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { leadership } from '@timonel/sdk/contracts/leadership';
import { createRealEnv } from '@timonel/core';
import { fakeService, pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';
import { LeaseApi, soundLine } from './testing/lease-api.ts';

pluginSuite('leader-election', () => {
  const objects = new LeaseApi(createRealEnv()).client(soundLine());
  const api: Partial<ApiClient> = {
    get: (type, name) => objects.get(type, name),
    create: (type, object) => objects.create(type, object),
    update: (type, object) => objects.update(type, object),
    list: () => Promise.resolve({ metadata: { resourceVersion: '1' }, items: [] }),
    async *watch(_, { signal }) {
      await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
      yield* [];
    },
  };
  return {
    entry: {
      definition: plugin,
      source: 'built-in',
      config: { leaseDurationSeconds: 1, renewDeadlineSeconds: 0.9, retryPeriodSeconds: 0.1 },
    },
    dependencies: [fakeService(apiClient, api)],
    load: async (kernel) => {
      const status = kernel.service(leadership).status();
      if (status.identity === '') throw new Error('it has no name');
      await Promise.resolve();
    },
  };
});
