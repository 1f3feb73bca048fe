import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ApiClient } from '@timonel/sdk/contracts/api';
import { act } from '@timonel/sdk/controller';
import { ApiError, persistentVolumes, type PersistentVolume } from '@timonel/sdk/kube';
import { makeDirectory } from '../node/directories.ts';
import { removeDataIn } from './remove-data.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'timonel-remove-'));
  await makeDirectory(join(root, 'v'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Removes a volume that the cache shows in version 5. */
async function remove(current: number | undefined): Promise<void> {
  const at = (version: number): PersistentVolume => ({
    metadata: { name: 'v', resourceVersion: String(version) },
    spec: { local: { path: join(root, 'v') } },
  });
  const get = (): Promise<PersistentVolume> =>
    current === undefined ? Promise.reject(new ApiError('NotFound', 'no such volume')) : Promise.resolve(at(current));
  const cause = { code: 'Deleted', text: '' };
  const action = act.effect(persistentVolumes, 'remove-directory', at(5), { cause });
  await removeDataIn(root, { get: get as ApiClient['get'] })(action);
}

describe('the directory of a volume', () => {
  it('is removed when the volume is as the cache shows it', async () => {
    await remove(5);
    expect(await readdir(root)).toEqual([]);
  });

  it.each([6, undefined])('is left alone when the volume is in version %s by now', async (current) => {
    await expect(remove(current)).rejects.toMatchObject({ reason: 'Conflict' });
    expect(await readdir(root)).toEqual(['v']);
  });
});
