import { readFileSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core';
import { until } from '@timonel/testkit';
import { Bed } from './testing/bed.ts';

const logMaxBytes = 4000;
const bed = new Bed(createRealEnv(), { logMaxBytes, logMaxFiles: 3 });
beforeAll(() => bed.open(), 60_000);
afterEach(() => bed.removeAll());
afterAll(() => bed.close());

/** Texts of all files of the log, the oldest first. */
function texts(logPath: string): string[] {
  return [`${logPath}.2`, `${logPath}.1`, logPath].flatMap((path) =>
    readFileSync(path, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' ').slice(3).join(' ')),
  );
}

describe('a log that grows beyond its limit', () => {
  it('goes on in a new file; the oldest go, and no line is torn or lost among those that stay', async () => {
    const { logPath } = await bed.run('i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i"; done');
    expect(readdirSync(dirname(logPath)).sort()).toEqual(['0.log', '0.log.1', '0.log.2']);
    for (const path of [logPath, `${logPath}.1`, `${logPath}.2`]) {
      expect(statSync(path).size).toBeLessThanOrEqual(logMaxBytes);
    }
    const kept = texts(logPath);
    const first = Number(kept[0]?.replace('line ', ''));
    expect(kept).toEqual(Array.from({ length: 2001 - first }, (_, i) => `line ${first + i}`));
    expect(kept.length).toBeGreaterThan(80);
  });

  it('keeps a line that is longer than the limit whole', async () => {
    const { logPath } = await bed.run('head -c 9000 /dev/zero | tr "\\0" x; echo; echo after');
    const all = readdirSync(dirname(logPath)).map((name) => readFileSync(join(dirname(logPath), name), 'utf8'));
    expect(all.filter((text) => text.includes(` ${'x'.repeat(9000)}\n`))).toHaveLength(1);
  });

  it('does not stop a container whose log directory is gone', async () => {
    const id = await bed.started(await bed.sandbox(), [
      'sh',
      '-c',
      'while :; do echo 0123456789012345678901234567890; done',
    ]);
    const logPath = (await bed.runtime.containerStatus(id))?.logPath ?? '';
    await until(() => statSync(logPath, { throwIfNoEntry: false }) !== undefined, { what: 'a log' });
    // Files are made there all the time: what is to go at one stroke is renamed first.
    const gone = `${dirname(logPath)}.gone`;
    renameSync(dirname(logPath), gone);
    rmSync(gone, { recursive: true });
    const { exited } = await bed.runtime.exec(id, { command: ['true'], tty: false, stdin: false });
    expect(await exited).toBe(0);
    expect(await bed.runtime.containerStatus(id)).toMatchObject({ state: 'running' });
  });
});
