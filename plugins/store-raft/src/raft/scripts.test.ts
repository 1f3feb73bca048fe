/** Each script in `scripts` must give exactly the trace it holds. RAFT_REWRITE=1 writes the traces anew: review the diff. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Script } from './testing/script.ts';

const directory = join(import.meta.dirname, 'scripts');

describe('scripts', () => {
  const names = readdirSync(directory).filter((name) => name.endsWith('.txt'));

  it.each(names)('%s', (name) => {
    const path = join(directory, name);
    const text = readFileSync(path, 'utf8');
    const actual = new Script().run(text);
    if (process.env['RAFT_REWRITE'] === '1') writeFileSync(path, actual);
    else expect(actual).toBe(text);
  });
});
