/** What becomes of a token Secret whose account the cache does not show. */
import { afterEach, expect, it } from '@jest/globals';
import { apiClient, type ApiClient } from '@timonel/sdk/contracts/api';
import { apiEndpoint } from '@timonel/sdk/contracts/api-server';
import { serviceAccountTokens } from '@timonel/sdk/contracts/auth';
import { ApiError, secrets, serviceAccounts, type KubeObject, type ResourceType, type Secret } from '@timonel/sdk/kube';
import { fakeService, silentWatch, startTestKernel, until, type TestKernel } from '@timonel/testkit';
import plugin from './index.ts';

const names = { name: 's', namespace: 'a', uid: 's', resourceVersion: '1' };
const annotations = { 'kubernetes.io/service-account.name': 'x', 'kubernetes.io/service-account.uid': 'new' };
const secret: Secret = { metadata: { ...names, annotations }, type: 'kubernetes.io/service-account-token' };
const account = (uid: string): KubeObject => ({ metadata: { name: 'x', namespace: 'a', uid, resourceVersion: '1' } });

let kernel: TestKernel | undefined;
afterEach(() => kernel?.stop());

/** The first write, while the cache shows `cached` and the API `live`. */
async function written(cached: readonly KubeObject[], live: KubeObject | undefined): Promise<string | undefined> {
  const writes: string[] = [];
  const listed = (type: ResourceType): readonly KubeObject[] =>
    type === serviceAccounts ? cached : type === secrets ? [secret] : [];
  const api = {
    list: (type: ResourceType) => Promise.resolve({ metadata: { resourceVersion: '1' }, items: listed(type) }),
    watch: (_: unknown, { signal }: { signal?: AbortSignal }) => silentWatch(signal ?? new AbortController().signal),
    get: (type: ResourceType) => {
      const found = type === secrets ? secret : live;
      return found === undefined ? Promise.reject(new ApiError('NotFound', 'gone')) : Promise.resolve(found);
    },
    update: (_: unknown, object: KubeObject) => {
      writes.push('update');
      return Promise.resolve(object);
    },
    delete: () => {
      writes.push('delete');
      return Promise.resolve(secret);
    },
  } as unknown as Partial<ApiClient>;
  kernel = await startTestKernel({
    plugins: [
      fakeService(apiClient, api),
      fakeService(apiEndpoint, { caCertificate: () => 'PEM' }),
      fakeService(serviceAccountTokens, { issue: () => Promise.resolve({ token: 'T', expiresAt: 0 }) }),
      plugin,
    ],
  });
  return until(() => writes[0], { what: 'a write' });
}

it.each([
  ['no account yet', []],
  ['the one before it', [account('old')]],
])('it stays while the cache shows %s', async (_, cached) => {
  expect(await written(cached, account('new'))).toBe('update');
});

it.each([
  ['no account', undefined],
  ['another one', account('newer')],
])('it goes when there is %s', async (_, live) => {
  expect(await written([], live)).toBe('delete');
});
