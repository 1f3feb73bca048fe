import { expect, it } from '@jest/globals';
import { giveTo } from './owner.ts';

const failing = (code: string) => (): Promise<void> => Promise.reject(Object.assign(new Error(code), { code }));
const asRoot = process.geteuid?.() === 0 ? it : it.skip;

asRoot('says what to do about ids that the user namespace of the node does not have (as root)', async () => {
  await expect(giveTo('/none', 1000, 5, failing('EINVAL'))).rejects.toMatchObject({
    name: 'VolumeError',
    message: expect.stringMatching(/^user 1000 or group 5 .*\/etc\/subuid/),
  });
  await expect(giveTo('/none', 1000, 5, failing('ENOENT'))).rejects.toMatchObject({ code: 'ENOENT' });
});
