import { describe, expect, it } from '@jest/globals';
import type { Entry, LogBase } from '../raft/index.ts';
import { commands, founded } from './testing/log-model.ts';
import { MemoryDisk } from './testing/memory-disk.ts';
import { openMemoryLog } from './testing/memory-log.ts';
import type { RaftLogFile, RecoveredLog } from './types.ts';

const newDisk = (): MemoryDisk => new MemoryDisk(Math.random);
const put = (log: RaftLogFile, entries: readonly Entry[]): Promise<void> =>
  log.append([{ hardState: undefined, entries }]);
const baseAt = (index: number, term = 1): LogBase => ({ ...founded, index, term });
const segments = (disk: MemoryDisk): readonly string[] => disk.names().filter((name) => name.startsWith('log-'));

async function reopened(disk: MemoryDisk): Promise<RecoveredLog> {
  const log = await openMemoryLog(disk.copy());
  const { recovered } = log;
  await log.close();
  return recovered;
}

describe('the Raft log in segment files', () => {
  it('begins as the new group, and is the same log when it is opened again', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    expect(log.recovered).toEqual({ hardState: { term: 0, votedFor: undefined }, base: founded, entries: [] });
    expect(await log.check()).toEqual([]);
    await log.close();
    expect(await reopened(disk)).toEqual({ hardState: { term: 0, votedFor: undefined }, base: founded, entries: [] });
    expect(segments(disk)).toEqual(['log-00000001-000000000001.wal']);
  });

  it('gives back entries of every type as they were', async () => {
    const configuration = { ...founded.configuration, outgoing: ['é'], learners: ['b', 'c'], addresses: { é: 'h:1' } };
    const huge = Number.MAX_SAFE_INTEGER;
    const entries: Entry[] = [
      { type: 'noop', index: 1, term: 1 },
      { type: 'register', index: 2, term: 1, nonce: 'nonce-ü' },
      { type: 'command', index: 3, term: 2, data: new Uint8Array(0) },
      { type: 'command', index: 4, term: 2, data: Uint8Array.from([0, 255, 7]) },
      { type: 'command', index: 5, term: huge, id: { session: 2, sequence: huge, floor: 1 }, data: new Uint8Array(70) },
      { type: 'configuration', index: 6, term: huge, configuration },
    ];
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    await log.append([{ hardState: { term: 2, votedFor: 'mémber' }, entries }]);
    expect(await reopened(disk)).toEqual({ hardState: { term: 2, votedFor: 'mémber' }, base: founded, entries });
  });

  it('keeps the last hard state, also one that takes the vote back', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    const [first, second] = [
      { term: 1, votedFor: 'a' },
      { term: 2, votedFor: undefined },
    ];
    await log.append([{ hardState: first, entries: [] }]);
    expect((await reopened(disk)).hardState).toEqual(first);
    await log.append([
      { hardState: first, entries: commands(1, 1) },
      { hardState: second, entries: [] },
      { hardState: undefined, entries: commands(2, 1) },
    ]);
    expect(await reopened(disk)).toEqual({ hardState: second, base: founded, entries: commands(1, 2) });
  });

  it('replaces entries from the first index of a write on, within a write and between writes', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    await put(log, commands(1, 10));
    await put(log, commands(4, 2, 2));
    expect((await reopened(disk)).entries).toEqual([...commands(1, 3), ...commands(4, 2, 2)]);
    await log.append([
      { hardState: undefined, entries: commands(6, 5, 3) },
      { hardState: undefined, entries: commands(2, 1, 4) },
    ]);
    expect((await reopened(disk)).entries).toEqual([...commands(1, 1), ...commands(2, 1, 4)]);
  });

  it('goes on in new segments, makes them ahead, and keeps an older hard state', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    const hardState = { term: 3, votedFor: 'a' };
    await log.append([{ hardState, entries: [] }]);
    for (let index = 1; index <= 40; index += 1) await put(log, commands(index, 1, 3, 500));
    expect(segments(disk).length).toBeGreaterThan(5);
    expect(await reopened(disk)).toEqual({ hardState, base: founded, entries: commands(1, 40, 3, 500) });
    expect(log.sizeBytes()).toBe(disk.names().length * 4096);
    expect(await log.check()).toEqual([]);
  });

  it('makes a larger segment for a record that fits into none', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    await put(log, commands(1, 3, 1, 10_000));
    await put(log, commands(4, 1, 1, 10));
    expect((await reopened(disk)).entries).toEqual([...commands(1, 3, 1, 10_000), ...commands(4, 1, 1, 10)]);
    await log.dropUpTo(baseAt(4));
    expect(log.sizeBytes()).toBeLessThan(50_000);
  });

  it('drops entries, frees whole segments, and uses one of them again', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    for (let index = 1; index <= 40; index += 1) await put(log, commands(index, 1, 1, 500));
    const before = segments(disk);
    await log.dropUpTo(baseAt(30));
    expect(await reopened(disk)).toMatchObject({ base: baseAt(30), entries: commands(31, 10, 1, 500) });
    expect(segments(disk)).toEqual(before.slice(-segments(disk).length));
    expect(segments(disk).length).toBeLessThan(5);
    await log.dropUpTo(baseAt(20));
    expect((await reopened(disk)).base.index).toBe(30);
    await log.dropUpTo(baseAt(40));
    for (let index = 41; index <= 200; index += 1) {
      await put(log, commands(index, 1, 1, 500));
      await log.dropUpTo(baseAt(index - 1));
    }
    expect(await reopened(disk)).toMatchObject({ base: baseAt(199), entries: commands(200, 1, 1, 500) });
    expect(disk.names().length).toBeLessThanOrEqual(3);
    expect(await log.check()).toEqual([]);
  });

  it('drops beside appends', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    const drops: Promise<void>[] = [];
    for (let index = 1; index <= 100; index += 1) {
      await put(log, commands(index, 1, 1, 300));
      if (index % 7 === 0) drops.push(log.dropUpTo(baseAt(index)));
    }
    await Promise.all(drops);
    expect(await reopened(disk)).toMatchObject({ base: baseAt(98), entries: commands(99, 2, 1, 300) });
    await log.close();
  });

  it.each([
    ['ahead of', 50],
    ['within', 7],
  ])('is emptied by a reset to an index %s it, keeps the hard state, and goes on there', async (_where, index) => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    const hardState = { term: 4, votedFor: 'b' };
    await log.append([{ hardState, entries: commands(1, 30, 1, 300) }]);
    await put(log, commands(31, 10, 4, 300));
    const base = { ...baseAt(index, 4), configuration: { ...founded.configuration, learners: ['x'] } };
    await log.reset(base);
    expect(await reopened(disk)).toEqual({ hardState, base, entries: [] });
    expect(segments(disk)).toHaveLength(1);
    await put(log, commands(index + 1, 20, 5, 300));
    expect(await reopened(disk)).toEqual({ hardState, base, entries: commands(index + 1, 20, 5, 300) });
    expect(await log.check()).toEqual([]);
  });

  it('refuses entries that leave a gap or are dropped, and goes on', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    await put(log, commands(1, 5));
    await log.dropUpTo(baseAt(3));
    await expect(put(log, commands(7, 1))).rejects.toThrow('entry 7 does not follow entry 5');
    await expect(put(log, commands(3, 1))).rejects.toThrow('entry 3 was dropped');
    await expect(log.dropUpTo(baseAt(6))).rejects.toThrow('entry 6');
    await put(log, commands(6, 1));
    expect((await reopened(disk)).entries).toEqual(commands(4, 3));
  });

  it('lets what it recovered go with the first write, and says so', async () => {
    const log = await openMemoryLog(newDisk());
    await put(log, commands(1, 1));
    expect(() => log.recovered).toThrow('read before the log is written');
  });

  it('does nothing after close', async () => {
    const log = await openMemoryLog(newDisk());
    await log.close();
    await log.close();
    await expect(put(log, commands(1, 1))).rejects.toMatchObject({ code: 'STOPPED' });
    await expect(log.check()).rejects.toMatchObject({ code: 'STOPPED' });
  });

  it('finds in a check what has been damaged or cut since', async () => {
    const disk = newDisk();
    const log = await openMemoryLog(disk);
    for (let index = 1; index <= 3; index += 1) await put(log, commands(index, 1));
    const name = segments(disk).at(-1) as string;
    const sound = Buffer.from(disk.content(name));
    disk.content(name)[200] = 0xff;
    expect(await log.check()).toEqual([expect.stringMatching(/is corrupt at byte \d+: record 2 is damaged or gone/)]);
    sound.copy(disk.content(name));
    disk.content(name).fill(0, 280);
    expect(await log.check()).toEqual([expect.stringMatching(/goes on with record 3, not with record 5/)]);
  });
});
