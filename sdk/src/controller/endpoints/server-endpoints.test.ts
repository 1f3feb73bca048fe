import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '../../contracts/api/index.ts';
import { ApiError, type Endpoints } from '../../kube/index.ts';
import { endpointsOfServers, keepEndpointsOfServers } from './server-endpoints.ts';

const urls = ['https://10.0.0.2:6443', 'https://10.0.0.1:6443', 'https://[fd00::1]:6444'];

describe('endpointsOfServers', () => {
  it('has a subset for each port, and no addresses that only one machine knows', () => {
    const { subsets, metadata } = endpointsOfServers([...urls, 'https://127.0.0.1:6443', 'https://a.example']) ?? {};
    expect(subsets).toEqual([
      { addresses: [{ ip: '10.0.0.1' }, { ip: '10.0.0.2' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] },
      { addresses: [{ ip: 'fd00::1' }], ports: [{ name: 'https', port: 6444, protocol: 'TCP' }] },
    ]);
    expect(metadata?.labels).toEqual({ 'endpointslice.kubernetes.io/skip-mirror': 'true' });
    expect(endpointsOfServers(['https://127.0.0.1:6443', 'https://[::1]:6443'])).toBeUndefined();
  });
});

it('keepEndpointsOfServers makes what is missing, corrects what is not so, and else writes nothing', async () => {
  let stored: Endpoints | undefined;
  const writes: string[] = [];
  const api = {
    get: () =>
      stored === undefined ? Promise.reject(new ApiError('NotFound', 'there is none')) : Promise.resolve(stored),
    create: async (_: unknown, object: Endpoints) => {
      writes.push('create');
      return (stored = object);
    },
    update: async (_: unknown, object: Endpoints) => {
      writes.push('update');
      return (stored = object);
    },
  } as unknown as ApiClient;
  await keepEndpointsOfServers(api, ['https://127.0.0.1:1']);
  for (const list of [urls, urls.toReversed(), urls.slice(1)]) await keepEndpointsOfServers(api, list);
  stored = { metadata: { ...stored?.metadata, labels: { mine: 'yes' } }, subsets: stored?.subsets ?? [] };
  await keepEndpointsOfServers(api, urls.slice(1));
  expect(writes).toEqual(['create', 'update', 'update']);
  expect(stored.metadata.labels).toEqual({ mine: 'yes', 'endpointslice.kubernetes.io/skip-mirror': 'true' });
});
