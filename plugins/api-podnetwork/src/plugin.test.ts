import { describe, expect, it } from '@jest/globals';
import { apiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint, type ApiEndpoint } from '@timonel/sdk/contracts/api-server';
import { podNetwork } from '@timonel/sdk/contracts/network';
import { fakeService, pluginSuite } from '@timonel/testkit';
import { admission } from './admission.ts';
import plugin from './index.ts';

const endpoint: ApiEndpoint = {
  url: () => 'https://127.0.0.1:6443',
  caCertificate: () => 'PEM',
  listenAlso: () => Promise.reject(new Error('it has no such address')),
};

pluginSuite('api-podnetwork', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [
    fakeService(apiClient, {}),
    fakeService(apiEndpoint, endpoint),
    fakeService(podNetwork, {
      nodeNetwork: () => Promise.resolve({ podCidr: '10.244.0.0/24', nodeAddress: '10.244.0.1' }),
    }),
  ],
}));

describe('admission', () => {
  it('lets pods of the node and the machine itself in, and nobody else', () => {
    const own = ['192.0.2.1'];
    const admits = admission('10.244.0.0/24', () => own);
    const clients = ['10.244.0.9', '192.0.2.1', '10.244.1.9', '192.0.2.2', '::1', ''];
    expect(clients.filter(admits)).toEqual(['10.244.0.9', '192.0.2.1']);
    own.push('192.0.2.2');
    expect(admits('192.0.2.2')).toBe(true);
    const six = admission('fd00:10:244::/64', () => []);
    expect(['fd00:10:244::9', 'fd00:10:245::9', '10.244.0.9'].filter(six)).toEqual(['fd00:10:244::9']);
  });
});
