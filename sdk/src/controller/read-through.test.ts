import { describe, expect, it } from '@jest/globals';
import { manualEnv } from '@timonel/testkit';
import type { ApiClient } from '../contracts/api/index.ts';
import { ApiError, namespaces, type Namespace } from '../kube/index.ts';
import { readThrough } from './read-through.ts';

const cached: Namespace = { metadata: { name: 'cached' } };
const cache = { type: namespaces, get: (key: string) => (key === 'cached' ? cached : undefined) };

describe('reading through a cache', () => {
  const env = manualEnv();
  const apiOf = (get: () => Promise<unknown>): Pick<ApiClient, 'get'> => ({ get: get as ApiClient['get'] });
  const read = (name: string, get: () => Promise<unknown>): Promise<Namespace | undefined> =>
    readThrough(cache, apiOf(get), env, { name });

  it('asks the API only for what the cache does not show', async () => {
    const never = (): Promise<never> => Promise.reject(new Error('the API was asked'));
    expect(await read('cached', never)).toBe(cached);
    const other: Namespace = { metadata: { name: 'other' } };
    expect(await read('other', () => Promise.resolve(other))).toBe(other);
    expect(await read('none', () => Promise.reject(new ApiError('NotFound', 'none')))).toBeUndefined();
    await expect(read('ill', never)).rejects.toThrow('the API was asked');
  });

  it('gives up on an API that does not answer', async () => {
    const reading = read('slow', () => new Promise(() => undefined));
    const refused = expect(reading).rejects.toMatchObject({ reason: 'Timeout' });
    await env.advance(1_700);
    await refused;
  });
});
