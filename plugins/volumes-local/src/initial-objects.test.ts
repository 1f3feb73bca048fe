import { describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import type { StorageClass } from '@timonel/sdk/kube';
import { isDefaultClass } from '@timonel/sdk/volumes';
import { initialObjects } from './initial-objects.ts';

const config = {
  nodeName: 'n',
  directory: '',
  capacity: undefined,
  storageClass: 'local',
  isDefault: true,
  reclaimPolicy: 'Delete',
  namespace: 'x',
} as const;

async function madeBeside(...items: StorageClass[]): Promise<StorageClass[]> {
  const made: StorageClass[] = [];
  const api: Partial<ApiClient> = {
    list: () => Promise.resolve({ metadata: {}, items } as never),
    create: (_type, object) => {
      made.push(object);
      return Promise.resolve(object);
    },
  };
  const host = { env: createRealEnv(), signal: new AbortController().signal, reportFault: () => undefined };
  const objects = initialObjects(host, api as ApiClient, config);
  await objects.start();
  await objects.stop();
  return made;
}

describe('the storage class of a node', () => {
  const named = (name: string, mark: string): StorageClass => ({
    metadata: { name, annotations: { 'storageclass.kubernetes.io/is-default-class': mark } },
  });

  it('is the default one, unless there is one already', async () => {
    expect((await madeBeside()).map(isDefaultClass)).toEqual([true]);
    expect((await madeBeside(named('fast', 'false'))).map(isDefaultClass)).toEqual([true]);
    expect((await madeBeside(named('fast', 'true'))).map(isDefaultClass)).toEqual([false]);
  });

  it('stays as somebody has changed it', async () => {
    expect(await madeBeside(named('local', 'false'))).toEqual([]);
  });
});
