import { appendFileSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { beginLog, keepFullLog } from './full-log.ts';

const limits = { logMaxBytes: 100, logMaxFiles: 3 };
let path = '';
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'timonel-full-log-')), '0.log');
});
afterEach(() => {
  rmSync(join(path, '..'), { recursive: true });
});

/** As conmon does it. */
function replace(text: string): void {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

const contents = (): string[] => {
  const names = readdirSync(join(path, '..')).sort();
  return names.map((name) => `${name}: ${readFileSync(join(path, '..', name), 'utf8')}`);
};

describe('the log of a container', () => {
  it('keeps what conmon wrote, as soon as it begins anew', async () => {
    beginLog(path, limits);
    beginLog(path, limits);
    appendFileSync(path, 'a');
    replace('b');
    expect(contents()).toEqual(['0.log: b', '0.log.1: a']);
    expect(await keepFullLog(path, limits)).toBe(true);
    expect(await keepFullLog(path, limits)).toBe(false);
    expect(contents()).toEqual(['0.log: b', '0.log.1: b', '0.log.2: a']);
  });

  it('has so many files at most, also when nobody looked for long', async () => {
    beginLog(path, limits);
    for (const text of ['a', 'b', 'c', 'd', 'e']) {
      replace(text);
      await keepFullLog(path, limits);
    }
    expect(contents()).toEqual(['0.log: e', '0.log.1: e', '0.log.2: d', '0.log.3: c']);
    for (const text of ['f', 'g']) replace(text);
    await keepFullLog(path, limits);
    expect(contents()).toEqual(['0.log: g', '0.log.1: g', '0.log.2: e', '0.log.3: d']);
  });

  it('is one file with a limit of one, or none; and nothing happens to one that was removed', async () => {
    for (const one of [
      { logMaxBytes: 100, logMaxFiles: 1 },
      { logMaxBytes: 0, logMaxFiles: 3 },
    ]) {
      beginLog(path, one);
      replace('a');
      expect(await keepFullLog(path, one)).toBe(false);
      expect(contents()).toEqual(['0.log: a']);
    }
    rmSync(path);
    expect(await keepFullLog(path, limits)).toBe(false);
  });

  it('gets the name again that a crash took from it', async () => {
    writeFileSync(path, 'a');
    expect(await keepFullLog(path, limits)).toBe(true);
    expect(contents()).toEqual(['0.log: a', '0.log.1: a']);
  });
});
