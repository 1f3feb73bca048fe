import { describe, expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type EndpointSlice, type KubeObject } from '@timonel/sdk/kube';
import { createRecordingLogger } from '@timonel/testkit';
import { PodSideApi } from './pod-side-api.ts';

describe('the address of the pod network', () => {
  it('is followed: what was served at another one ends, and the endpoints lead to the new one', async () => {
    const env = createSimulatedEnv({ seed: 1 });
    const calls: string[] = [];
    const slices: EndpointSlice[] = [];
    let nodeAddress = '10.244.0.1';
    const keep = async (_: unknown, object: KubeObject): Promise<void> => {
      if ('addressType' in object) slices.splice(0, 1, object as EndpointSlice);
    };
    const api = {
      get: () => Promise.reject(new ApiError('NotFound', 'there is none')),
      list: async () => ({ items: slices }),
      create: keep,
      update: keep,
    };
    const podSide = new PodSideApi({
      api: api as unknown as ApiClient,
      endpoint: {
        url: () => 'https://127.0.0.1:6443',
        listenAlso: async (address) => {
          calls.push(`open ${address}`);
          return { port: 6443, close: async () => void calls.push(`close ${address}`) };
        },
      },
      network: { nodeNetwork: async () => ({ podCidr: '10.244.0.0/24', nodeAddress }) },
      env,
      log: createRecordingLogger(),
      signal: new AbortController().signal,
    });
    podSide.start();
    await env.settle();
    await env.advance(20_000);
    expect(slices[0]?.endpoints[0]?.addresses).toEqual(['10.244.0.1']);
    nodeAddress = '10.245.0.1';
    await env.advance(10_000);
    expect(slices[0]?.endpoints[0]?.addresses).toEqual(['10.245.0.1']);
    const stopped = podSide.stop();
    await env.settle();
    await stopped;
    expect(calls).toEqual(['open 10.244.0.1', 'close 10.244.0.1', 'open 10.245.0.1', 'close 10.245.0.1']);
  });
});
