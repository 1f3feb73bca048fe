import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { silentLogger } from '../../test/silent-logger.ts';
import { openRaftLog } from './raft-log.ts';
import { commands, founded, summaryOf } from './testing/log-model.ts';
import type { RaftLogFile } from './types.ts';

const isRoot = process.getuid?.() === 0;
const describeAsRoot = isRoot ? describe : describe.skip;
const segmentBytes = 64 * 1024;

describeAsRoot(
  `a Raft log on a full disk${isRoot ? '' : ' (skipped: mounting a small file system needs root)'}`,
  () => {
    let mountPoint = '';
    let directory = '';
    beforeEach(async () => {
      mountPoint = await mkdtemp(join(tmpdir(), 'timonel-raft-log-full-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', mountPoint]);
      directory = join(mountPoint, 'log');
    });
    const opened: RaftLogFile[] = [];
    afterEach(async () => {
      // Also after a failure: open files would hold the mount.
      for (const log of opened.splice(0)) await log.close();
      execFileSync('umount', [mountPoint]);
      await rm(mountPoint, { recursive: true, force: true });
    });
    const options = { newGroup: founded, env: createRealEnv(), log: silentLogger, segmentBytes };
    async function open(): Promise<RaftLogFile> {
      const log = await openRaftLog({ ...options, directory });
      opened.push(log);
      return log;
    }
    const hardState = { term: 1, votedFor: undefined };
    const put = (log: RaftLogFile, index: number, term = 1): Promise<void> =>
      log.append([{ hardState: { ...hardState, term }, entries: commands(index, 1, term, 5000) }]);
    const expected = (last: number): string =>
      summaryOf({ hardState, base: founded, entries: commands(1, last, 1, 5000) });

    async function fill(log: RaftLogFile): Promise<{ last: number; refused: unknown }> {
      for (let index = 1; index < 200; index += 1) {
        try {
          await put(log, index);
        } catch (refused) {
          return { last: index - 1, refused };
        }
      }
      throw new Error('the disk did not fill up');
    }

    it('refuses an append, of which nothing counts, and takes it when there is room again', async () => {
      const log = await open();
      const { last, refused } = await fill(log);
      expect(last).toBeGreaterThan(30);
      expect(refused).toMatchObject({ code: 'ENOSPC', message: expect.stringContaining(directory) });
      await expect(put(log, last + 1, 9)).rejects.toMatchObject({ code: 'ENOSPC' });
      // What fits into the segment needs no room.
      await log.append([{ hardState, entries: [] }]);
      expect(await log.check()).toEqual([]);

      execFileSync('mount', ['-o', 'remount,size=8m', mountPoint]);
      for (let index = last + 1; index <= last + 30; index += 1) await put(log, index);
      await log.close();
      const again = await open();
      expect(summaryOf(again.recovered)).toBe(expected(last + 30));
      await again.close();
    }, 60_000);

    it('opens as what was acknowledged, and goes on with what is dropped', async () => {
      const log = await open();
      const { last } = await fill(log);
      await log.close();
      const again = await open();
      expect(summaryOf(again.recovered)).toBe(expected(last));
      await again.dropUpTo({ ...founded, index: last, term: 1 });
      // The room that was freed goes to somebody else, but for the segment that is used again.
      await writeFile(join(mountPoint, 'other'), Buffer.alloc(512 * 1024)).catch(() => undefined);
      for (let index = last + 1; index <= last + 100; index += 1) {
        await put(again, index);
        await again.dropUpTo({ ...founded, index, term: 1 });
      }
      expect(await again.check()).toEqual([]);
      await again.close();
    }, 60_000);

    it('cannot begin on a disk that is full, and begins when there is room', async () => {
      const other = join(mountPoint, 'other');
      await writeFile(other, Buffer.alloc(500 * 1024));
      await expect(open()).rejects.toMatchObject({ code: 'ENOSPC' });
      await rm(other);
      const log = await open();
      expect(log.recovered.base).toEqual(founded);
      await log.close();
    }, 60_000);
  },
);
