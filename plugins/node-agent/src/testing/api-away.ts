import type { PluginEntry } from '@timonel/core';
import { apiClient } from '@timonel/sdk/contracts/api';
import { ApiError } from '@timonel/sdk/kube';
import { fakeService } from '@timonel/testkit';

export const away = (): Promise<never> => Promise.reject(new ApiError('ServiceUnavailable', 'the API is away'));

/** An API that never answers: the agent must live with it. */
export const apiAway = (): PluginEntry =>
  fakeService(apiClient, {
    get: away,
    list: away,
    create: away,
    patch: away,
    updateStatus: away,
    delete: away,
    async *watch() {
      yield* [];
      await away();
    },
  });
