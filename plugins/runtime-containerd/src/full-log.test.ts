import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { rotateLog } from './full-log.ts';

const limits = { logMaxBytes: 3, logMaxFiles: 3 };
let path = '';
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 'timonel-full-log-')), '0.log');
});
afterEach(() => {
  rmSync(join(path, '..'), { recursive: true });
});

const reopen = (): Promise<void> => Promise.resolve(writeFileSync(path, ''));
const gone = (): Promise<void> => Promise.reject(new Error('the container is not running'));
const contents = (): string[] => {
  const names = readdirSync(join(path, '..')).sort();
  return names.map((name) => `${name}: ${readFileSync(join(path, '..', name), 'utf8')}`);
};

describe('a log of containerd', () => {
  it('is rotated when it is full, and has so many files at most', async () => {
    writeFileSync(path, 'a');
    expect(await rotateLog(path, limits, reopen)).toBe(false);
    for (const text of ['aaa', 'bbb', 'ccc']) {
      writeFileSync(path, text);
      expect(await rotateLog(path, limits, reopen)).toBe(true);
    }
    expect(contents()).toEqual(['0.log: ', '0.log.1: ccc', '0.log.2: bbb']);
  });

  it('keeps its name when its container has ended', async () => {
    writeFileSync(path, 'aaa');
    await expect(rotateLog(path, limits, gone)).rejects.toThrow('not running');
    expect(contents()).toEqual(['0.log: aaa']);
  });

  it('is begun anew, or gets its name back, after a crash in the middle', async () => {
    writeFileSync(`${path}.1`, 'aaa');
    expect(await rotateLog(path, limits, reopen)).toBe(false);
    expect(contents()).toEqual(['0.log: ', '0.log.1: aaa']);
    rmSync(path);
    await expect(rotateLog(path, limits, gone)).rejects.toThrow('not running');
    expect(contents()).toEqual(['0.log: aaa']);
  });

  it('is emptied with a limit of one file, and grows without a limit', async () => {
    writeFileSync(path, 'aaa');
    await rotateLog(path, { logMaxBytes: 3, logMaxFiles: 1 }, reopen);
    expect(contents()).toEqual(['0.log: ']);
    writeFileSync(path, 'aaa');
    expect(await rotateLog(path, { logMaxBytes: 0, logMaxFiles: 3 }, reopen)).toBe(false);
    rmSync(path);
    expect(await rotateLog(path, limits, reopen)).toBe(false);
  });
});
