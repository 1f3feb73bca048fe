import { appendFileSync, mkdtempSync, linkSync, renameSync, unlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { readLog, type ReadOptions } from './read.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'timonel-logs-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const files = 3;

/** A log that is written as a runtime does: a full file is renamed. */
class Log {
  readonly path: string = join(directory, '0.log');
  count = 0;

  write(lines: number): void {
    for (let i = 0; i < lines; i += 1) {
      appendFileSync(this.path, `2026-01-01T00:00:00.000000000Z stdout F line ${++this.count}\n`);
    }
  }

  rotate(): void {
    for (let number = files - 1; number > 0; number -= 1) {
      const from = number === 1 ? this.path : `${this.path}.${number - 1}`;
      try {
        renameSync(from, `${this.path}.${number}`);
      } catch {
        // there are not that many yet
      }
    }
  }
}

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) {
    text += Buffer.from(chunk).toString();
  }
  return text;
}

const expected = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}\n`).join('');

describe('a log that grows while it is read', () => {
  it.each([
    ['whole', undefined, 1],
    ['from its last lines on', 3, 3998],
  ])('is read %s as it was at the beginning, and no further', async (_, tailLines, from) => {
    const log = new Log();
    log.write(4000);
    const options = { follow: false, timestamps: false, tailLines, limitBytes: undefined, sinceSeconds: undefined };
    const signal = new AbortController().signal;
    const chunks = readLog(log.path, { ...options, sinceTime: undefined, signal }, createRealEnv(), () =>
      Promise.resolve(true),
    );
    let text = '';
    for await (const chunk of chunks) {
      text += Buffer.from(chunk).toString();
      log.write(4000);
    }
    expect(text).toBe(expected(from, 4000));
  });
});

describe('a log that goes on in a new file', () => {
  const options: ReadOptions = {
    follow: true,
    timestamps: false,
    tailLines: undefined,
    limitBytes: undefined,
    sinceSeconds: undefined,
    sinceTime: undefined,
    signal: new AbortController().signal,
  };

  it('is followed through it', async () => {
    const log = new Log();
    log.write(5);
    let ended = false;
    const steps = [() => log.write(3), () => log.rotate(), () => log.write(2), () => [log.rotate(), log.write(1)]];
    // Each step after what was written before has been read; the last but one rotates with nothing in between.
    const text = await textOf(
      readLog(log.path, options, createRealEnv(), async () => {
        const step = steps.shift();
        if (step === undefined) ended = true;
        else step();
        return ended;
      }),
    );
    expect(text).toBe(expected(1, 11));
  });

  it('is followed over several new files since the last look', async () => {
    const log = new Log();
    log.write(2);
    let looks = 0;
    const text = await textOf(
      readLog(log.path, options, createRealEnv(), async () => {
        if (looks++ > 0) return true;
        log.write(2);
        log.rotate();
        log.write(2);
        log.rotate();
        log.write(2);
        return false;
      }),
    );
    expect(text).toBe(expected(1, 8));
  });

  it('is followed where the file that is written to is also `.1`, and is replaced when it is full', async () => {
    const log = new Log();
    log.write(2);
    linkSync(log.path, `${log.path}.1`);
    const replace = (): void => {
      log.write(1);
      unlinkSync(log.path);
      log.write(2);
    };
    const shift = (): void => {
      renameSync(`${log.path}.1`, `${log.path}.2`);
      linkSync(log.path, `${log.path}.1`);
    };
    const steps = [replace, shift, () => [replace(), shift(), log.write(1)]];
    const text = await textOf(
      readLog(log.path, options, createRealEnv(), async () => {
        const step = steps.shift();
        step?.();
        return step === undefined;
      }),
    );
    expect(text).toBe(expected(1, 9));
  });

  it('is followed from the oldest that is left, where the reader was too slow', async () => {
    const log = new Log();
    log.write(2);
    let looks = 0;
    const text = await textOf(
      readLog(log.path, options, createRealEnv(), async () => {
        if (looks++ > 0) return true;
        for (let times = 0; times < 4; times += 1) {
          log.rotate();
          log.write(2);
        }
        return false;
      }),
    );
    expect(text).toBe(`${expected(1, 2)}${expected(5, 10)}`);
  });

  it('is read by stream', async () => {
    const log = new Log();
    log.write(1);
    appendFileSync(log.path, '2026-01-01T00:00:00Z stderr F wrong\n');
    const read = (stream: 'Stdout' | 'Stderr') =>
      textOf(readLog(log.path, { ...options, follow: false, stream }, createRealEnv(), async () => true));
    expect([await read('Stdout'), await read('Stderr')]).toEqual([expected(1, 1), 'wrong\n']);
  });

  it('is read from its present file without follow', async () => {
    const log = new Log();
    log.write(2);
    log.rotate();
    log.write(2);
    const once = { ...options, follow: false };
    expect(await textOf(readLog(log.path, once, createRealEnv(), async () => true))).toBe(expected(3, 4));
  });
});
