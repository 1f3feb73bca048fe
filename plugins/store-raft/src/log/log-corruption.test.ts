/** Damage that is no cut-off last write: refused, with a sentence, and with nothing touched. */
import { createHash } from 'node:crypto';
import { copyFile, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createRealEnv } from '@timonel/core/env';
import { silentLogger } from '../../test/silent-logger.ts';
import { openRaftLog } from './raft-log.ts';
import { commands, founded } from './testing/log-model.ts';
import type { RaftLogFile } from './types.ts';

describe('a corrupt Raft log', () => {
  let directory = '';
  let segments: readonly string[] = [];
  const open = (): Promise<RaftLogFile> =>
    openRaftLog({ directory, newGroup: founded, env: createRealEnv(), log: silentLogger, segmentBytes: 8192 });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'timonel-raft-log-'));
    const log = await open();
    for (let index = 1; index <= 100; index += 1) {
      await log.append([{ hardState: { term: index, votedFor: 'a' }, entries: commands(index, 1, index, 200) }]);
    }
    await log.close();
    segments = (await readdir(directory)).filter((name) => name.startsWith('log-')).sort();
    expect(segments.length).toBeGreaterThan(3);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const path = (at: number): string => join(directory, segments.at(at) ?? 'none');
  async function hashes(): Promise<readonly string[]> {
    const names = (await readdir(directory)).sort();
    return Promise.all(
      names.map(async (name) => {
        const hash = createHash('sha256').update(await readFile(join(directory, name)));
        return `${name} ${hash.digest('hex')}`;
      }),
    );
  }
  async function change(at: number, edit: (bytes: Buffer) => void): Promise<void> {
    const bytes = await readFile(path(at));
    edit(bytes);
    await writeFile(path(at), bytes);
  }
  async function refuses(...patterns: readonly RegExp[]): Promise<string> {
    const before = await hashes();
    const error = await open().then(
      async (log) => {
        await log.close();
        return undefined;
      },
      (thrown: unknown) => thrown as { code: string; message: string },
    );
    expect(error?.code).toBe('CORRUPT');
    for (const pattern of [/has touched nothing\./, ...patterns]) expect(error?.message).toMatch(pattern);
    expect(await hashes()).toEqual(before);
    return error?.message ?? '';
  }
  const advice = /Remove this member from the group, empty its data directory and add it again/;

  it('a flipped byte in an older segment', async () => {
    await change(1, (bytes) => bytes.writeUInt8(bytes.readUInt8(3000) ^ 4, 3000));
    const message = await refuses(advice, /record \d+ is damaged or gone, while those in .* are sound/);
    expect(message).toContain(`${path(1)} is corrupt at byte `);
  });

  it('a flipped byte in the last segment, with a sound record behind it', async () => {
    await change(-1, (bytes) => bytes.writeUInt8(bytes.readUInt8(200) ^ 4, 200));
    const message = await refuses(advice, /record \d+ is damaged or gone, while there is a sound one at byte \d+/);
    expect(message).toContain(`${path(-1)} is corrupt at byte `);
  });

  it('zeros where a record was, with a sound record behind them', async () => {
    await change(-1, (bytes) => bytes.fill(0, 150, 500));
    await refuses(advice, /while there is a sound one at byte/);
  });

  it('any flipped byte of what a segment begins with', async () => {
    for (const at of [0, 7, 12, 16, 24, 32, 36, 40, 44, 48, 60, 80]) {
      const bytes = await readFile(path(-1));
      await change(-1, (changed) => changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at));
      await refuses(advice);
      await writeFile(path(-1), bytes);
    }
    await (await open()).close();
  });

  it('garbage, a few bytes, nothing at all', async () => {
    await writeFile(path(2), Buffer.alloc(8192, 'garbage'));
    await refuses(/at byte 0: it does not begin as a segment of a Raft log/);
    await writeFile(path(2), 'hello');
    await refuses(/it has only 5 bytes/);
    await writeFile(path(2), '');
    await refuses(/it has only 0 bytes/);
  });

  it('a segment that is cut off, but for the last one', async () => {
    await writeFile(path(1), (await readFile(path(1))).subarray(0, 4000));
    await refuses(/record \d+ is damaged or gone, while those in/);
  });

  it('a segment that is missing between others', async () => {
    await rm(path(2));
    const message = await refuses(advice, /have a gap between them, a segment file is gone/);
    expect(message).toContain(path(1));
    expect(message).toContain(path(3));
  });

  it('the oldest segment is missing while its entries are needed', async () => {
    await rm(path(0));
    await refuses(advice, /the entries 1 to \d+ are missing, an older segment file is gone/);
  });

  it('segments that have changed places, or are there twice', async () => {
    const other = join(directory, 'other');
    await rename(path(1), other);
    await rename(path(2), path(1));
    await rename(other, path(2));
    await refuses(/it is segment 3 by its content/);
    await rename(path(1), other);
    await rename(path(2), path(1));
    await rename(other, path(2));
    await copyFile(path(2), join(directory, 'log-00000003-000000000999.wal'));
    await refuses(/are the same segment/);
  });

  it('a format that is newer than this version knows', async () => {
    await change(0, (bytes) => bytes.writeUInt32LE(2, 8));
    const message = await refuses(
      /has the format 2, and this version reads up to 1/,
      /Start the version that wrote it/,
    );
    expect(message).toContain(path(0));
  });

  it('is none when only the spare file is damaged', async () => {
    await writeFile(join(directory, 'spare.wal'), 'hello');
    await writeFile(join(directory, 'new.tmp'), 'hello');
    const log = await open();
    expect(log.recovered.entries).toEqual(Array.from({ length: 100 }, (_, at) => commands(at + 1, 1, at + 1, 200)[0]));
    for (let index = 101; index <= 200; index += 1) {
      await log.append([{ hardState: undefined, entries: commands(index, 1, 100, 200) }]);
    }
    expect(await log.check()).toEqual([]);
    await log.close();
  });
});
