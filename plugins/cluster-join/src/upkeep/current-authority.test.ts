import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { CurrentAuthority } from './current-authority.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-current-authority-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('the authority of now', () => {
  it('is made at the start alone: one that is gone later is missed, and what was known stays', async () => {
    const authority = await CurrentAuthority.open(createRealEnv(), directory);
    const before = authority.now;
    for (const name of ['ca.crt', 'ca.key']) {
      await rm(join(directory, name));
      await expect(authority.refresh()).rejects.toMatchObject({
        code: 'ERR_PKI_FILE',
        message: expect.stringContaining('ca.crt is gone'),
      });
      expect(authority.now).toBe(before);
    }
    expect(await readdir(directory)).toEqual([]);
  });
});
