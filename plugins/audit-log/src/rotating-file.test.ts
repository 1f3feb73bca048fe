import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@timonel/testkit';
import { RotatingFile } from './rotating-file.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-rotating-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('a file of lines', () => {
  it('is begun anew when somebody has removed it', async () => {
    const path = join(directory, 'a.log');
    const lost: string[] = [];
    const file = new RotatingFile({
      path,
      maxBytes: 10,
      maxFiles: 2,
      queueBytes: 1000,
      timestamp: () => '2026-01-01T00:00:00Z',
      lost: (_, why) => lost.push(why),
    });
    await file.open();
    file.write('first');
    await until(() => readFileSync(path, 'utf8') === 'first\n', { what: 'the first line' });
    rmSync(path);
    file.write('second');
    await file.close();
    expect(lost).toEqual([]);
    expect(readdirSync(directory)).toEqual(['a.log']);
    expect(readFileSync(path, 'utf8')).toBe('second\n');
  });
});
