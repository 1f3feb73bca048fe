import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { createRecordingLogger, manualEnv } from '@timonel/testkit';
import type { AgentContext } from '../agent-context.ts';
import type { RememberedSources } from '../checkpoint/remembered-sources.ts';
import { buildVolumes } from './build-volumes.ts';
import { testFacts } from './testing/test-volumes.ts';

describe('pods that wait for volumes', () => {
  it('are tried again when somebody comes who serves volumes', () => {
    const listeners: (() => void)[] = [];
    const nobody = { all: () => [], onChange: (listener: () => void) => void listeners.push(listener) };
    const api = {} as ApiClient;
    const ctx = {
      config: { objectWatches: 1 },
      deps: { api, volumes: nobody, volumeKinds: nobody },
      env: manualEnv(),
      log: createRecordingLogger(),
      dataDir: '/data',
    } as unknown as AgentContext;
    let tries = 0;
    buildVolumes(ctx, {
      sources: {} as RememberedSources,
      ownNode: { seenFor: async () => undefined },
      worker: () => undefined,
      workers: () => [{ retryVolumes: () => void (tries += 1) }],
      factsOf: () => testFacts,
      failed: () => undefined,
      knownPods: () => undefined,
    });
    expect(listeners).toHaveLength(2);
    for (const listener of listeners) listener();
    expect(tries).toBe(2);
  });
});
