import { describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { ApiError, type CustomResourceDefinition, type KubeObject } from '@timonel/sdk/kube';
import { remainsOf } from './remains.ts';

const definition = (established: boolean): CustomResourceDefinition => ({
  metadata: { name: 'things.example.com', deletionTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    group: 'example.com',
    scope: 'Cluster',
    names: { plural: 'things', kind: 'Thing' },
    versions: [{ name: 'v1', served: false, storage: true }],
  },
  status: { conditions: established ? [{ type: 'Established', status: 'True' }] : [] },
});

/** Pages of objects, by their names; those that are held are in capitals. */
function listing(...pages: string[][]): Pick<ApiClient, 'list'> {
  const list = (_type: unknown, { continue: token = '0' }: { continue?: string } = {}): Promise<unknown> => {
    const at = Number(token);
    const items = (pages[at] ?? []).map((name) => ({
      metadata: { name, ...(name === name.toUpperCase() && { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
    }));
    return Promise.resolve({ metadata: at + 1 < pages.length ? { continue: String(at + 1) } : {}, items });
  };
  return { list: list as ApiClient['list'] };
}

const namesOf = async (api: Pick<ApiClient, 'list'>): Promise<unknown> => {
  const remains = await remainsOf(api, definition(true));
  return 'objects' in remains ? remains.objects.map((one: KubeObject) => one.metadata.name) : remains;
};

describe('what is left of a kind', () => {
  it('is looked for beyond pages of objects that finalizers hold', async () => {
    expect(await namesOf(listing(['A', 'B'], ['C', 'd'], ['e']))).toEqual(['C', 'd']);
    expect(await namesOf(listing(['a'], ['b']))).toEqual(['a']);
    expect(await namesOf(listing([]))).toEqual([]);
  });

  it('is not nothing because the last page is empty', async () => {
    expect(await namesOf(listing(['A'], []))).toEqual(['A']);
  });

  it('is not known where nobody serves what was served once', async () => {
    const api = { list: () => Promise.reject(new ApiError('NotFound', 'not served')) };
    expect(await remainsOf(api, definition(true))).toEqual({ unknown: 'not served' });
    expect(await remainsOf(api, definition(false))).toMatchObject({ objects: [] });
  });
});
