/** Faults in one certain place each, which random runs seldom meet. */
import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '../../test/silent-logger.ts';
import { commands, founded, summaryOf } from './testing/log-model.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { openMemoryLog } from './testing/memory-log.ts';
import type { RaftLogFile } from './types.ts';

const hardState = { term: 1, votedFor: 'a' };
const put = (log: RaftLogFile, index: number, bytes: number, term = 1): Promise<void> =>
  log.append([{ hardState, entries: commands(index, 1, term, bytes) }]);
const segments = (disk: MemoryDisk): readonly string[] => disk.names().filter((name) => name.startsWith('log-'));

/** Fills segments until a new one has just begun and no spare is made yet. Index of the last entry. */
async function fillUntilNewSegment(disk: MemoryDisk, log: RaftLogFile, count: number): Promise<number> {
  let last = 0;
  while (segments(disk).length < count) await put(log, (last += 1), 300);
  expect(disk.names()).not.toContain('spare.wal');
  return last;
}

describe('the Raft log and', () => {
  it('a write that came to the disk whole, failed, and could not be taken back, before a new segment', async () => {
    // All of the write is done, and fails; nothing is done of its removal.
    const disk = new MemoryDisk(() => 0);
    const log = await openMemoryLog(disk);
    await put(log, 1, 500);
    disk.failAfter(0, 'EIO', 2);
    await expect(put(log, 2, 500, 9)).rejects.toMatchObject({ code: 'EIO' });
    // Does not fit into the segment.
    await put(log, 2, 3500, 2);
    expect(segments(disk)).toHaveLength(2);
    await log.close();
    const again = await openMemoryLog(disk);
    const entries = [...commands(1, 1, 1, 500), ...commands(2, 1, 2, 3500)];
    expect(summaryOf(again.recovered)).toBe(summaryOf({ hardState, base: founded, entries }));
  });

  it('a new segment that has to wait until the tail of the old one could be cleaned', async () => {
    const disk = new MemoryDisk(() => 0);
    const log = await openMemoryLog(disk);
    await put(log, 1, 500);
    disk.failAfter(0, 'EIO', 3);
    await expect(put(log, 2, 500)).rejects.toMatchObject({ code: 'EIO' });
    await expect(put(log, 2, 3500)).rejects.toMatchObject({ code: 'EIO' });
    expect(segments(disk)).toHaveLength(1);
    await put(log, 2, 3500);
    expect(await log.check()).toEqual([]);
  });

  it('a crash while a dropped segment is written to again', async () => {
    // Names that were not synced are lost.
    const disk = new MemoryDisk(() => 0.99);
    const log = await openMemoryLog(disk);
    let last = await fillUntilNewSegment(disk, log, 2);
    await log.dropUpTo({ ...founded, index: last - 1, term: 1 });
    expect(disk.names()).toContain('spare.wal');
    while (disk.names().includes('spare.wal')) {
      last += 1;
      // Behind the writing of its header, before its new name: if this append needs it.
      disk.failAfter(2, 'crash');
      const failed = await put(log, last, 300).then(
        () => false,
        () => true,
      );
      if (failed) break;
      disk.disarm();
    }
    const again = await openMemoryLog(disk.afterCrash());
    const { base, entries } = again.recovered;
    expect(base.index + entries.length).toBe(last - 1);
    expect(await again.check()).toEqual([]);
  });

  it('a segment that is used again: what it held before is not taken for a write that was cut off', async () => {
    const disk = new MemoryDisk(Math.random);
    const log = await openMemoryLog(disk);
    let last = await fillUntilNewSegment(disk, log, 3);
    for (let round = 0; round < 100; round += 1) {
      await log.dropUpTo({ ...founded, index: last, term: 1 });
      await put(log, (last += 1), 100 + (round % 11));
      const warnings: string[] = [];
      const warn = (_fields: unknown, message: string): number => warnings.push(message);
      const again = await openMemoryLog(disk.copy(), { ...silentLogger, warn });
      expect(again.recovered.entries).toHaveLength(1);
      expect(warnings).toEqual([]);
    }
  });

  it('a spare that cannot be made ahead is made when it is needed', async () => {
    const disk = new MemoryDisk(Math.random);
    const log = await openMemoryLog(disk);
    for (let index = 1; index <= 60; index += 1) {
      // The write is the first step; what follows it is done ahead.
      disk.failAfter(1, 'ENOSPC');
      const refused = await put(log, index, 500).catch((error: unknown) => error);
      disk.disarm();
      if (refused === undefined) continue;
      expect(refused).toMatchObject({ code: 'ENOSPC' });
      await put(log, index, 500);
    }
    expect(segments(disk).length).toBeGreaterThan(5);
    expect(await log.check()).toEqual([]);
  });
});
