import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { removeLog } from './remove-log.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'timonel-remove-log-'));
});
afterEach(() => rm(directory, { recursive: true }));

it('removes the log of a try with the files that it was rotated to, and of no other', async () => {
  for (const name of ['1.log', '1.log.1', '1.log.12', '11.log', '1.log.x', '2.log.1']) {
    await writeFile(join(directory, name), '');
  }
  await removeLog(join(directory, '1.log'));
  expect((await readdir(directory)).sort()).toEqual(['1.log.x', '11.log', '2.log.1']);
  await removeLog(join(directory, '1.log'));
  await removeLog(join(directory, 'absent', '1.log'));
});
