/** The benchmarks load by themselves: what they import must not need a test runner. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from '@jest/globals';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

it('`npm run bench` lists the benchmarks', async () => {
  const { stdout } = await run(process.execPath, [join(root, 'scripts', 'bench.mjs')]);
  for (const name of ['store', 'api', 'scheduler', 'controllers'])
    expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
});
