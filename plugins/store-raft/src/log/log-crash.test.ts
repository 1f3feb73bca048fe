import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { silentLogger } from '../../test/silent-logger.ts';
import { openRaftLog } from './raft-log.ts';
import { crashEntries, crashSegmentBytes } from './testing/crash-entries.ts';
import { founded, summaryOf } from './testing/log-model.ts';

const rounds = 4;
/** At least so many entries are appended in each: several segments. */
const roundEntries = 300;

describe('kill -9 of a process that appends to a Raft log and drops from it', () => {
  let directory = '';
  const writers: ChildProcess[] = [];
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-raft-log-crash-'));
  });
  afterEach(async () => {
    for (const writer of writers.splice(0)) writer.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  });

  it('leaves every acknowledged entry, whole, and a log that goes on', async () => {
    let acknowledged = 0;
    for (let round = 0; round < rounds; round += 1) {
      const lines = await appendUntilKilled(directory, roundEntries * (1 + Math.random()), writers);
      expect(lines[0]).toBeGreaterThanOrEqual(acknowledged);
      acknowledged = lines.at(-1) as number;
      const options = { directory, newGroup: founded, env: createRealEnv(), log: silentLogger };
      const log = await openRaftLog({ ...options, segmentBytes: crashSegmentBytes });
      const { hardState, base, entries } = log.recovered;
      const last = base.index + entries.length;
      expect(last).toBeGreaterThanOrEqual(acknowledged);
      expect(hardState.term).toBe(last);
      expect(summaryOf({ hardState, base, entries })).toBe(
        summaryOf({ hardState, base, entries: crashEntries(base.index + 1, entries.length) }),
      );
      expect(await log.check()).toEqual([]);
      await log.close();
    }
    expect(acknowledged).toBeGreaterThan(rounds * roundEntries);
  }, 120_000);
});

/** The indexes that the writer had printed when it was killed, after it had appended `count` entries. */
function appendUntilKilled(directory: string, count: number, writers: ChildProcess[]): Promise<readonly number[]> {
  const program = join(import.meta.dirname, '../../test/log-writer.ts');
  const args = ['--conditions', 'timonel-source', '--import', 'tsx', program, directory];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    writers.push(child);
    let output = '';
    let errors = '';
    const printed = (): readonly number[] => output.split('\n').slice(0, -1).map(Number);
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const indexes = printed();
      if ((indexes.at(-1) ?? 0) - (indexes[0] ?? 0) > count) child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    child.on('close', (code, signal) => {
      if (signal === 'SIGKILL') resolve(printed());
      else reject(new Error(`the writer ended by itself with ${code ?? signal}: ${errors}`));
    });
  });
}
