import { expect } from '@jest/globals';
import { authenticator, type Credentials } from '@timonel/sdk/contracts/auth';
import { pluginSuite } from '@timonel/testkit';
import plugin from './index.ts';

const shown = (commonName: string, organizations: string[]): Credentials => ({
  bearerToken: undefined,
  certificate: { commonName, organizations },
});

pluginSuite('auth-certificate', () => ({
  entry: { definition: plugin, source: 'built-in' },
  dependencies: [],
  load: async (kernel) => {
    const [provider] = kernel.service(authenticator).all();
    if (provider === undefined) throw new Error('no authenticator is there');
    const { service } = provider;
    expect(await service.authenticate(shown('system:node:a', ['system:nodes', 'x']))).toEqual({
      outcome: 'authenticated',
      user: { username: 'system:node:a', uid: '', groups: ['system:nodes', 'x', 'system:authenticated'], extra: {} },
    });
    expect(await service.authenticate(shown('', ['system:masters']))).toEqual({ outcome: 'unknown' });
    expect(await service.authenticate({ bearerToken: 'x', certificate: undefined })).toEqual({ outcome: 'unknown' });
  },
}));
